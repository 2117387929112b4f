import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Cluster } from "../../src/testing/Cluster.ts"
import type { SimPod } from "../../src/testing/parts/SimPod.ts"
import { SimCluster } from "../../src/testing/SimCluster.ts"
import { stories, type Told } from "../kit/stories.ts"

const node = "node-1"

/** The crowd of the stories: thirty pods that run, every sixth with a certificate that is renewed in a few minutes. */
const gather = (cluster: Cluster) =>
  Effect.gen(function* () {
    const wishes = Array.from({ length: 30 }, (_, i) => (i % 6 === 0 ? ({ duration: "10 minutes" } as const) : {}))
    const pods = yield* Effect.forEach(wishes, (wish) => cluster.schedule(wish))
    yield* cluster.advance("1 minute")
    for (const pod of pods) expect(pod.phase).toBe("running")
    return pods
  })

/** The serial numbers of what every pod sees, whose key fits and whose issuer it is. */
const serials = (cluster: Cluster, pods: ReadonlyArray<SimPod>) =>
  Effect.forEach(pods, (pod) =>
    Effect.map(cluster.exec(pod), ({ certificate, chains, matchesKey }) => {
      expect([chains, matchesKey]).toEqual([true, true])
      return certificate.serialNumber
    })
  )

/** Time passes in small steps, and at each of them every pod has to see its files. */
const watched = (cluster: Cluster, pods: ReadonlyArray<SimPod>, minutes: number) =>
  Effect.gen(function* () {
    const before = yield* serials(cluster, pods)
    let last = before
    for (let i = 0; i < minutes * 6; i++) {
      yield* cluster.advance("10 seconds")
      last = yield* serials(cluster, pods)
    }
    yield* cluster.check()
    return { before, last }
  })

const left = (cluster: Cluster) => ({
  volumes: cluster.node(node).disk.volumes.size,
  records: cluster.node(node).texts.size
})

type Telling = (cluster: Cluster, crowd: ReadonlyArray<SimPod>) => Effect.Effect<void, unknown>

const told: Told<Telling> = {
  "certlet is killed while thirty pods run": Effect.fnUntraced(function* (cluster, crowd) {
    yield* cluster.kill(node)
    const { before, last } = yield* watched(cluster, crowd, 10)
    expect(last.filter((serial, i) => serial !== before[i]).length).toBe(5)
  }),

  "certlet is upgraded while thirty pods run": Effect.fnUntraced(function* (cluster, crowd) {
    yield* cluster.stop(node, { downtime: "30 seconds" })
    const { before, last } = yield* watched(cluster, crowd, 10)
    expect(last.filter((serial, i) => serial !== before[i]).length).toBe(5)
  }),

  "the kubelet restarts while thirty pods run": Effect.fnUntraced(function* (cluster, crowd) {
    yield* cluster.restartKubelet(node, "30 seconds")
    const pod = yield* cluster.schedule({ node })
    yield* watched(cluster, crowd, 3)
    expect(pod.phase).toBe("running")
  }),

  "a pod that comes while certlet is away is served when it is back": Effect.fnUntraced(function* (cluster) {
    yield* cluster.stop(node, { downtime: "2 minutes" })
    yield* cluster.advance("10 seconds")
    const pod = yield* cluster.schedule({ node })
    yield* cluster.advance("1 minute")
    expect(pod.phase).toBe("pending")
    yield* cluster.advance("5 minutes")
    yield* serials(cluster, [pod])
  }),

  "a pod that goes while certlet is away leaves nothing when it is back": Effect.fnUntraced(function* (cluster, crowd) {
    const [leaving] = crowd
    if (leaving === undefined) return
    yield* cluster.stop(node, { downtime: "2 minutes" })
    yield* cluster.advance("10 seconds")
    yield* cluster.delete(leaving)
    yield* cluster.advance("1 minute")
    expect(left(cluster).volumes).toBe(30)
    yield* cluster.advance("5 minutes")
    expect(left(cluster)).toEqual({ volumes: 29, records: 29 })
  }),

  "a pod goes while its request waits for approval": Effect.fnUntraced(function* (cluster) {
    yield* cluster.issuer.holdApproval("1 hour")
    const pod = yield* cluster.schedule({ node })
    yield* cluster.advance("1 minute")
    expect(pod.phase).toBe("pending")
    yield* cluster.delete(pod)
    yield* cluster.advance("5 minutes")
    expect(left(cluster)).toEqual({ volumes: 30, records: 30 })
  }),

  "the node reboots, and its pods come back": Effect.fnUntraced(function* (cluster, crowd) {
    const before = yield* serials(cluster, crowd)
    yield* cluster.reboot(node, "1 minute")
    yield* cluster.advance("10 minutes")
    const now = yield* serials(cluster, crowd)
    expect(now.filter((serial) => before.includes(serial))).toEqual([])
  }),

  "all pods go, and nothing is left of them": Effect.fnUntraced(function* (cluster, crowd) {
    for (const pod of crowd) yield* cluster.delete(pod)
    yield* cluster.advance("1 minute")
    expect(left(cluster)).toEqual({ volumes: 0, records: 0 })
  })
}

describe("in a simulated cluster", () => {
  for (const story of stories) {
    it.effect(story, () =>
      Effect.gen(function* () {
        const cluster = yield* SimCluster.make({ seed: story })
        const crowd = yield* gather(cluster)
        yield* told[story](cluster, crowd)
        yield* cluster.settle()
        yield* cluster.check()
      }).pipe(Effect.scoped)
    )
  }
})
