/**
 * Chooses seeds that pass every mark, cheap ones first: `node test/simulation/chooseSeeds.ts 1 200` looks at the seeds
 * from 1 to 200. What it prints goes into `marks.test.ts`; the marks that none of them passes are named.
 */
import { Effect } from "effect"
import { drawStory, runStory } from "../../src/testing/index.ts"
import { allMarks, watchMarks } from "./marks.ts"

interface Seen {
  readonly seed: number
  readonly passed: ReadonlySet<string>
  readonly steps: number
}

const lookAt = async (seed: number): Promise<Seen> => {
  const story = drawStory(seed)
  const { passed, watch } = watchMarks(story)
  const { outcome, steps } = await Effect.runPromise(Effect.scoped(runStory(story, { watch })))
  if (outcome._tag !== "passed") console.log(`seed ${seed}: ${outcome._tag}`)
  return { seed, passed, steps }
}

const main = async (first: number, last: number): Promise<void> => {
  const seen: Array<Seen> = []
  for (let seed = first; seed <= last; seed++) seen.push(await lookAt(seed))
  const open = new Set(allMarks)
  const chosen: Array<number> = []
  while (open.size > 0) {
    const worth = ({ passed, steps }: Seen) => [...passed].filter((name) => open.has(name)).length / (steps + 500)
    const best = seen.reduce((one, other) => (worth(other) > worth(one) ? other : one))
    if (worth(best) === 0) break
    chosen.push(best.seed)
    for (const name of best.passed) open.delete(name)
  }
  console.log(`seeds: ${chosen.sort((one, other) => one - other).join(", ")}`)
  console.log(`never passed: ${[...open].join(", ") || "none"}`)
}

await main(Number(process.argv[2]), Number(process.argv[3]))
