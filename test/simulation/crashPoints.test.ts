/** Certlet dies between any two changes of a volume's files: what a pod sees stays whole, and nothing is left. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type ClusterOptions, SimCluster } from "../../src/testing/index.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"

const node = "node-1"
const bundle = "ConfigMap/roots"
const calls = Array.from({ length: 16 }, (_, i) => i + 1)

/** Whether anything of another set is left two minutes after certlet died at its n-th step while a CA was rotated. */
const litter = Effect.fnUntraced(function* (call: number, options: ClusterOptions = {}) {
  const cluster = yield* SimCluster.make({ seed: `dies at ${call}`, ...options })
  yield* cluster.bundle(bundle).rotate()
  const pod = yield* cluster.schedule({ attributes: { "csi.cert-manager.io/trust-bundle": bundle } })
  yield* cluster.advance("2 seconds")
  const before = (yield* cluster.exec(pod)).files.get("ca.crt")
  yield* cluster.kill(node, { at: { call, when: "before" } })
  yield* cluster.bundle(bundle).rotate()
  yield* cluster.advance("1 second")
  const halfWay = [...cluster.node(node).disk.volumes.values()].flatMap(({ leftovers }) => leftovers)
  yield* cluster.advance("2 minutes")
  const { files, matchesKey } = yield* cluster.exec(pod)
  expect([matchesKey, files.get("ca.crt") === before]).toEqual([true, false])
  const left = [...cluster.node(node).disk.volumes.values()].flatMap(({ leftovers }) => leftovers)
  return { halfWay: halfWay.length, left: left.length }
}, Effect.scoped)

describe("certlet that dies in the middle of a swap", () => {
  it.live("leaves nothing of it when it is back", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.forEach(calls, (call) => litter(call))
      expect(seen.filter(({ left }) => left > 0)).toEqual([])
      // Some of these deaths were within a swap, or nothing was tried.
      expect(seen.filter(({ halfWay }) => halfWay > 0).length).toBeGreaterThan(2)
    })
  )

  it.live("would leave files that nobody sees if it did not sweep", () =>
    Effect.gen(function* () {
      const edges = Layer.effect(
        VolumeFS,
        Effect.map(VolumeFS, (fs) => ({ ...fs, sweep: () => Effect.void }))
      )
      const seen = yield* Effect.forEach(calls, (call) => litter(call, { layers: { edges } }))
      expect(seen.filter(({ left }) => left > 0).length).toBeGreaterThan(0)
    })
  )
})
