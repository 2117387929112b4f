import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimCluster } from "../../src/testing/SimCluster.ts"

describe("a simulated cluster", () => {
  it.effect("serves a pod for a week, through an issuer's stall and a crash", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: 42, nodes: 3, kubelet: { requiresRepublish: false } })
      const pod = yield* cluster.schedule({ issuer: "ca", duration: "1 hour", node: "node-2" })
      yield* cluster.advance("1 minute")
      const before = yield* cluster.exec(pod)
      expect(before.matchesKey && before.chains).toBe(true)
      yield* cluster.issuer.stall("20 minutes")
      yield* cluster.kill("node-2")
      yield* cluster.advance("7 days")
      yield* cluster.settle()
      yield* cluster.check()
      const after = yield* cluster.exec(pod)
      expect(after.matchesKey && after.chains).toBe(true)
      expect(after.certificate.serialNumber).not.toBe(before.certificate.serialNumber)
    }).pipe(Effect.scoped)
  )
})
