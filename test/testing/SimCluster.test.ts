import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Cluster } from "../../src/testing/Cluster.ts"
import { fault } from "../../src/testing/levers/strike.ts"
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

  it.effect("waits for whatever is under way, however slow the machine: a seed is the same story on any", () => {
    const digestWith = Effect.fnUntraced(function* (busyMillis: number) {
      const slow = fault("slow", 24, () =>
        Effect.gen(function* () {
          // A machine that does much else: each step takes long, in real time.
          for (let step = 0; step < 5; step++) {
            const until = performance.now() + busyMillis
            while (performance.now() < until);
            yield* Effect.yieldNow
          }
          yield* Effect.sleep("1 minute")
          yield* cluster.restartKubelet("node-1", "5 seconds")
        })
      )
      const cluster: Cluster = yield* SimCluster.make({ seed: 7, ownFaults: [slow] })
      yield* cluster.schedule({ duration: "1 hour" })
      yield* cluster.advance("1 hour")
      return cluster.trace.digest
    }, Effect.scoped)
    return Effect.gen(function* () {
      expect(yield* digestWith(450)).toBe(yield* digestWith(0))
    })
  })
})
