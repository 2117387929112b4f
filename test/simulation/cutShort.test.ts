/** The kubelet restarts at any call of certlet's, while it waits for it: pods are served, and go wholly. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit } from "effect"
import { type Cluster, type ClusterOptions, SimCluster } from "../../src/testing/index.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { onPrograms } from "./mutants/Mutant.ts"

const node = "node-1"
const points = Array.from({ length: 10 }, (_, i) => i + 1).flatMap((call) =>
  (["before", "after"] as const).map((when) => ({ call, when }))
)

/** What stands on the node. */
const left = (cluster: Cluster) => ({
  volumes: cluster.node(node).disk.volumes.size,
  records: cluster.node(node).texts.size
})

/** How many calls the kubelet has made, and how many of them were answered: the others were cut short. */
const unanswered = (cluster: Cluster, call: "Publish" | "Unpublish"): number => {
  const count = (tag: string) => cluster.trace.events.filter(({ what }) => what._tag === tag).length
  return count(`${call}Called`) - count(`${call}Answered`)
}

/** What is left of a pod's volume on its node where its unpublish was cut short, and how often it was. */
const unpublished = Effect.fnUntraced(function* (at: (typeof points)[number], options: ClusterOptions = {}) {
  const cluster = yield* SimCluster.make({ seed: `unpublished ${at.when} ${at.call}`, ...options })
  const pod = yield* cluster.schedule()
  yield* cluster.advance("30 seconds")
  yield* cluster.restartKubelet(node, "5 seconds", { at })
  yield* cluster.delete(pod)
  yield* cluster.advance("2 minutes")
  return { at, ...left(cluster), cut: unanswered(cluster, "Unpublish") }
}, Effect.scoped)

describe("a kubelet that restarts at any call of certlet's", () => {
  it.live("while a pod is published has it running soon, and then gone without a trace", () =>
    Effect.gen(function* () {
      const cut = yield* Effect.forEach(points, (at) =>
        Effect.gen(function* () {
          const cluster = yield* SimCluster.make({ seed: `published ${at.when} ${at.call}` })
          yield* cluster.advance("1 second")
          yield* cluster.restartKubelet(node, "5 seconds", { at })
          const pod = yield* cluster.schedule()
          yield* cluster.advance("2 minutes")
          expect([at, pod.phase]).toEqual([at, "running"])
          expect((yield* cluster.exec(pod)).matchesKey).toBe(true)
          yield* cluster.delete(pod)
          yield* cluster.advance("2 minutes")
          expect([at, left(cluster)]).toEqual([at, { volumes: 0, records: 0 }])
          return unanswered(cluster, "Publish")
        }).pipe(Effect.scoped)
      )
      // Some of the points are within the publish, or nothing was tried.
      expect(cut.filter((count) => count > 0).length).toBeGreaterThan(4)
    })
  )

  it.live("while a pod is published that goes meanwhile leaves nothing", () =>
    Effect.forEach(
      points,
      (at) =>
        Effect.gen(function* () {
          const cluster = yield* SimCluster.make({ seed: `gone ${at.when} ${at.call}` })
          yield* cluster.advance("1 second")
          yield* cluster.restartKubelet(node, "5 seconds", { at })
          const pod = yield* cluster.schedule()
          yield* cluster.advance("1 second")
          yield* cluster.forceDelete(pod)
          yield* cluster.settle()
          expect([at, left(cluster)]).toEqual([at, { volumes: 0, records: 0 }])
          expect(cluster.world.server.api.stores.requests.all().length).toBe(0)
        }).pipe(Effect.scoped),
      { discard: true }
    )
  )

  it.live("while a volume is unpublished has it gone without a trace", () =>
    Effect.gen(function* () {
      const ends = yield* Effect.forEach(points, (at) => unpublished(at))
      expect(ends.filter(({ volumes, records }) => volumes + records > 0)).toEqual([])
      expect(ends.filter(({ cut }) => cut > 0).length).toBeGreaterThan(1)
    })
  )

  it.live("is noticed where whoever was cut short is taken for done", () =>
    Effect.gen(function* () {
      const called = new Set<string>()
      const { layers } = onPrograms("done at the second call", (driver, edges) => ({
        ...driver,
        unpublish: (call) => {
          if (called.has(call.volumeId)) return Effect.void
          called.add(call.volumeId)
          const look = Context.get(edges, VolumeFS).inspect(call.target)
          return Effect.andThen(Effect.ignore(look), driver.unpublish(call))
        }
      }))
      const ends = yield* Effect.forEach(points, (at) => Effect.exit(unpublished(at, { layers })))
      expect(ends.filter(Exit.isFailure).length).toBeGreaterThan(0)
    })
  )
})
