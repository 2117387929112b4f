import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate } from "../../src/testing/simulate.ts"

describe("the swarm", () => {
  for (const seed of Array.from({ length: 20 }, (_, i) => i + 1)) {
    it.live(`seed ${seed}`, () =>
      Effect.gen(function* () {
        const { outcome } = yield* simulate(seed)
        if (outcome._tag === "crash") expect.fail(outcome.defect)
        if (outcome._tag !== "passed") expect.fail(outcome.broken.message)
      })
    )
  }
})
