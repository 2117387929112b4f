/**
 * Runs the seeds from 1 to the one that is given, up to the first whose story does not hold; says why, and exits 1.
 * They run in a thread of their own: a program that turns in a circle never gives its thread back.
 */
import { isMainThread, parentPort, Worker } from "node:worker_threads"
import { Effect } from "effect"
import { simulate } from "../../src/testing/index.ts"
import { findingOf } from "../../src/testing/story/explain.ts"

const last = Number(process.argv[2])

/** How long a story may take, in seconds. Most take one. */
const patience = 120

const runSeeds = async (): Promise<void> => {
  for (let seed = 1; seed <= last; seed++) {
    const { outcome } = await Effect.runPromise(simulate(seed))
    parentPort?.postMessage(outcome._tag === "passed" ? "" : findingOf(outcome))
    if (outcome._tag !== "passed") return
  }
}

const watchSeeds = (): void => {
  const thread = new Worker(new URL(import.meta.url), { argv: [String(last)] })
  let seed = 1
  const end = (finding: string) => {
    console.log(`seed ${seed}: ${finding}`)
    process.exit(1)
  }
  const giveUp = () => end(`the story does not end within ${patience} s`)
  let timer = setTimeout(giveUp, patience * 1000)
  thread.on("message", (finding: string) => {
    if (finding !== "") return end(finding)
    seed += 1
    clearTimeout(timer)
    if (seed <= last) timer = setTimeout(giveUp, patience * 1000)
  })
}

if (isMainThread) watchSeeds()
else await runSeeds()
