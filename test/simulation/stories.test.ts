/**
 * Stories that a swarm has found: each broke a promise before the programs kept it, and stays here under the name of what went
 * wrong.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimCluster } from "../../src/testing/SimCluster.ts"

describe("stories that once went wrong", () => {
  // Found by seeds 54 and 96: the publish after the loss took the volume for a new one, and its refusal took it away.
  it.live("a running pod keeps its files when its record is lost and its next request is denied", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "record lost, request denied" })
      const pod = yield* cluster.schedule({ duration: "6 hours" })
      yield* cluster.advance("1 minute")
      const before = yield* cluster.exec(pod)
      yield* cluster.issuer.deny("10 minutes")
      yield* cluster.disk("node-1").wipeRecords
      yield* cluster.kill("node-1")
      yield* cluster.advance("10 minutes")
      expect((yield* cluster.exec(pod)).certificate.serialNumber).toBe(before.certificate.serialNumber)
      yield* cluster.advance("6 hours")
      yield* cluster.settle
      const after = yield* cluster.exec(pod)
      expect(after.certificate.serialNumber).not.toBe(before.certificate.serialNumber)
    }).pipe(Effect.scoped)
  )
})
