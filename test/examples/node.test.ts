// With node:test: an issuer of one's own, an invariant of one's own, and whatever a few seeds make of them.
import assert from "node:assert/strict"
import { test } from "node:test"
import { drawStory, explain, Faults, type Invariant, Issuer, makeSimIssuer, runStory } from "certlet/testing"
import { Duration, Effect, Layer } from "effect"

/** This issuer gives nobody more than two hours, whatever is asked for. */
const strictIssuer = Layer.effect(
  Issuer,
  Effect.map(makeSimIssuer, (issuer) => ({
    ...issuer,
    sign: (order) => issuer.sign({ ...order, lifetime: Duration.min(order.lifetime, Duration.hours(2)) })
  }))
)

/** And it counts: an account that asks for too much is locked. */
const modest: Invariant = {
  name: "modest",
  sentence: "In any hour at most twelve certificates are asked for.",
  kind: "safety",
  begin: () => {
    const times: Array<number> = []
    return ({ at, what }) => {
      if (what._tag !== "RequestCreated") return undefined
      times.push(at)
      const recent = times.filter((time) => time > at - 3_600_000).length
      return recent > 12 ? `${recent} within an hour` : undefined
    }
  }
}

const options = { layers: { issuer: strictIssuer }, invariants: [modest] }

for (const seed of [1, 2, 3]) {
  test(`story ${seed} holds with a strict issuer`, async () => {
    const story = drawStory(seed, { pods: 3, days: 1, faults: Faults.of({ killsPerDay: 4, apiLostShare: 0.1 }) })
    const { outcome } = await Effect.runPromise(runStory(story, options))
    assert.equal(
      outcome._tag,
      "passed",
      outcome._tag === "passed" ? "" : await Effect.runPromise(explain(story, options))
    )
  })
}
