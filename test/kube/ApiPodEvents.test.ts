import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimCluster } from "../../src/testing/index.ts"

const node = "node-1"
const points = Array.from({ length: 40 }, (_, i) => i + 1)

/** The reasons of the Events of a pod that is denied after certlet has met a defect at a call about another one. */
const toldAfterDefect = Effect.fnUntraced(function* (call: number) {
  const cluster = yield* SimCluster.make({ seed: `defect ${call}` })
  yield* cluster.issuer.deny("1 day")
  yield* cluster.advance("1 second")
  yield* cluster.meetDefect(node, { call, when: "before" })
  yield* cluster.schedule()
  yield* cluster.advance("10 minutes")
  const next = yield* cluster.schedule()
  yield* cluster.advance("10 minutes")
  return (yield* cluster.events(next)).map(({ reason }) => reason)
}, Effect.scoped)

describe("the Events of pods", () => {
  it.live("go on after a defect", () =>
    Effect.gen(function* () {
      const told = yield* Effect.forEach(points, toldAfterDefect)
      expect(told.map((reasons) => reasons.length > 0)).toEqual(points.map(() => true))
    })
  )
})
