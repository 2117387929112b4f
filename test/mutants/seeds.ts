/** Runs the seeds from 1 to the one that is given, up to the first whose story does not hold; says why, and exits 1. */
import { Effect } from "effect"
import { simulate } from "../../src/testing/index.ts"
import { findingOf } from "../../src/testing/story/explain.ts"

const last = Number(process.argv[2])

const main = async (): Promise<number> => {
  for (let seed = 1; seed <= last; seed++) {
    const { outcome } = await Effect.runPromise(simulate(seed))
    if (outcome._tag === "passed") continue
    console.log(`seed ${seed}: ${findingOf(outcome)}`)
    return 1
  }
  return 0
}

process.exitCode = await main()
