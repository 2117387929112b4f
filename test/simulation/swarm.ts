/**
 * The swarm as tests: one for each seed, and every twentieth story is run twice and has to end the same, byte for byte.
 */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate } from "../../src/testing/index.ts"

/** Holds these seeds' stories to every invariant. */
export const swarm = (seeds: ReadonlyArray<number>): void => {
  for (const [index, seed] of seeds.entries()) {
    const isTwice = index % 20 === 0
    it.live(`seed ${seed}${isTwice ? ", twice" : ""}`, () =>
      Effect.gen(function* () {
        const { digest, outcome } = yield* simulate(seed)
        const replay = `npm run sim -- ${seed}`
        if (outcome._tag === "crash") expect.fail(`${outcome.defect}\n${replay}`)
        if (outcome._tag !== "passed") expect.fail(`${outcome.broken.message}\n${replay}`)
        if (isTwice) expect((yield* simulate(seed)).digest).toBe(digest)
      })
    )
  }
}

/** So many seeds, one after the other. */
export const from = (first: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => first + index)
