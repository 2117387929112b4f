/**
 * A kubelet that only counts the republishes that can find nothing new: it calls whenever there is something to find,
 * and a cluster comes to the same end as with every call.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { type Cluster, type ClusterOptions, SimCluster, type SimPod } from "../../../src/testing/index.ts"

const counting: ClusterOptions = { seed: "quiet", kubelet: { unchangedRepublishes: "count" } }

/** A cluster with a pod that nothing has happened to for an hour, and when its kubelet calls from then on. */
const quiet = Effect.gen(function* () {
  const cluster = yield* SimCluster.make(counting)
  const pod = yield* cluster.schedule({ duration: "1 day" })
  yield* cluster.advance("1 hour")
  const calls: Array<number> = []
  cluster.trace.listen(({ at, what }) => {
    if (what._tag === "PublishCalled") calls.push(at)
  })
  return { cluster, pod, calls }
})

const countedBy = ({ world }: Cluster): number => world.nodes.get("node-1")?.kubelet.counted ?? 0

/** What an act has to bring about again within two looks of the kubelet. */
const acts: ReadonlyArray<readonly [string, (cluster: Cluster, pod: SimPod) => Effect.Effect<unknown, unknown>]> = [
  ["the records are lost", (cluster) => cluster.disk("node-1").wipeRecords()],
  ["a stranger has mounted over it", (cluster, pod) => cluster.disk("node-1").plant(pod, "5 minutes")],
  ["certlet is killed", (cluster) => cluster.kill("node-1")],
  ["the disk has failed for a time", (cluster) => cluster.disk("node-1").fail("10 minutes")],
  ["the pod's labels change", (cluster, pod) => cluster.change(pod, { labels: { tier: "front" } })]
]

describe("a kubelet that counts republishes without news", () => {
  it.live("calls no more, and counts what it spares at the mean of its pauses", () =>
    Effect.gen(function* () {
      const { calls, cluster } = yield* quiet
      const before = countedBy(cluster)
      yield* cluster.advance("10 hours")
      expect(calls).toEqual([])
      expect(countedBy(cluster) - before).toBe((10 * 3600) / 75)
    }).pipe(Effect.scoped)
  )

  for (const [what, act] of acts) {
    it.live(`calls at its next look when ${what}`, () =>
      Effect.gen(function* () {
        const { calls, cluster, pod } = yield* quiet
        const began = cluster.world.now
        yield* act(cluster, pod)
        yield* cluster.advance("2 minutes")
        expect(calls.length).toBeGreaterThan(0)
        expect((calls[0] ?? 0) - began).toBeLessThanOrEqual(90_000)
        yield* cluster.advance("13 minutes")
        const { chains, matchesKey } = yield* cluster.exec(pod)
        expect([chains, matchesKey]).toEqual([true, true])
        const settled = calls.length
        yield* cluster.advance("2 hours")
        expect(calls).toHaveLength(settled)
      }).pipe(Effect.scoped)
    )
  }

  it.live("calls when the time of a fault is over, though nothing else happens then", () =>
    Effect.gen(function* () {
      const { calls, cluster } = yield* quiet
      yield* cluster.disk("node-1").fail("10 minutes")
      yield* cluster.advance("10 minutes")
      calls.length = 0
      yield* cluster.advance("3 minutes")
      expect(calls.length).toBeGreaterThan(0)
    }).pipe(Effect.scoped)
  )

  it.live("counts for each of a pod's volumes, and publishes all of them when something happens to one", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make(counting)
      const pod = yield* cluster.schedule({ duration: "1 day", volumes: { tls: {}, client: {} } })
      yield* cluster.advance("1 hour")
      const before = countedBy(cluster)
      yield* cluster.advance("10 hours")
      expect(countedBy(cluster) - before).toBe((2 * (10 * 3600)) / 75)
      const called: Array<string> = []
      cluster.trace.listen(({ what }) => void (what._tag === "PublishCalled" && called.push(what.volume.name)))
      cluster.node("node-1").observe({ _tag: "RecordRemoved", volumeId: pod.volumes.get("client")?.volumeId ?? "" })
      yield* cluster.advance("2 minutes")
      expect(called).toEqual(["tls", "client"])
    }).pipe(Effect.scoped)
  )

  it.live("plays every republish that carries a token", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ ...counting, settings: { useTokenRequest: true } })
      yield* cluster.schedule({ duration: "10 days" })
      yield* cluster.advance("1 hour")
      expect(countedBy(cluster)).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.live("renews, unpublishes and settles as any other", () =>
    Effect.gen(function* () {
      const { cluster, pod } = yield* quiet
      const first = yield* cluster.exec(pod)
      yield* cluster.advance("18 hours")
      expect((yield* cluster.exec(pod)).certificate.serialNumber).not.toBe(first.certificate.serialNumber)
      yield* cluster.settle()
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      expect([pod.phase, [...pod.volumes.values()].some(({ held }) => Option.isSome(held))]).toEqual(["gone", false])
    }).pipe(Effect.scoped)
  )
})
