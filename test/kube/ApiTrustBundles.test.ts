import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimCluster } from "../../src/testing/index.ts"

const bundle = "ClusterTrustBundle/corp"
const points = Array.from({ length: 16 }, (_, i) => i + 1)

/** Whether a pod that names a trust bundle runs ten minutes after certlet has met a defect at one of its calls. */
const runsAfterDefect = Effect.fnUntraced(function* (call: number) {
  const cluster = yield* SimCluster.make({ seed: `defect ${call}` })
  yield* cluster.bundle(bundle).rotate()
  yield* cluster.advance("1 second")
  yield* cluster.meetDefect("node-1", { call, when: "before" })
  const pod = yield* cluster.schedule({ attributes: { "csi.cert-manager.io/trust-bundle": bundle } })
  yield* cluster.advance("10 minutes")
  return pod.phase === "running"
}, Effect.scoped)

describe("a trust bundle", () => {
  it.live("is followed after a defect, whatever it kept from being done", () =>
    Effect.gen(function* () {
      expect(yield* Effect.forEach(points, runsAfterDefect)).toEqual(points.map(() => true))
    })
  )
})
