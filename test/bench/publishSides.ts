// How fast certlet is, and next to it the floor: a bare program that does what every certificate needs and nothing
// else, against the same API server, etcd and cert-manager, with the same ServiceAccount, in the same namespace. A turn
// of each takes a few seconds, so that whatever else the machine does hits both. Absolute times mean little on a shared
// machine; the ratio of the two sides is what counts (`guard.ts`).
import type { Certlet } from "../cluster/Certlet.ts"
import { inParallel } from "../cluster/inParallel.ts"
import { measureFloor } from "../cluster/measureFloor.ts"
import type { RealCluster, Stage } from "../cluster/RealCluster.ts"
import { type Figures, median, type Side } from "./takeTurns.ts"

/** Publishes in a turn, one at a time: the slowest of them is the turn's 96th percentile. */
const alone = 25
/** Publishes in a turn, many at once. */
const together = 100
/** How many of them are under way. */
const crowds = [10, 50] as const

interface Sample {
  readonly milliseconds: ReadonlyArray<number>
  readonly perSecond: number
  /** Processor time of the side's own process for one publish. */
  readonly cpuMilliseconds: number
}

/** So many certificates, so many at once. */
type Take = (count: number, atOnce: number) => Promise<Sample>

const turnOf = async (take: Take): Promise<Figures> => {
  const { milliseconds } = await take(alone, 1)
  const [ten, fifty] = [await take(together, crowds[0]), await take(together, crowds[1])]
  return {
    "publish p50, 1 at once, ms": median(milliseconds),
    [`slowest publish of ${alone}, 1 at once, ms`]: Math.max(...milliseconds),
    [`publishes a second, ${crowds[0]} at once`]: ten.perSecond,
    [`publishes a second, ${crowds[1]} at once`]: fifty.perSecond,
    "processor time per publish, many at once, ms": (ten.cpuMilliseconds + fifty.cpuMilliseconds) / 2
  }
}

const timesOf = async <Item>(items: ReadonlyArray<Item>, atOnce: number, act: (item: Item) => Promise<void>) => {
  const start = performance.now()
  const milliseconds = await inParallel(items, atOnce, async (item) => {
    const start = performance.now()
    await act(item)
    return performance.now() - start
  })
  return { milliseconds, perSecond: (items.length * 1000) / (performance.now() - start) }
}

const attributes = { "key-algorithm": "ECDSA", "dns-names": "bench.example.com", "common-name": "bench.example.com" }

let pods = 0
const makeVolumes = (stage: Stage, certlet: Certlet, count: number) => {
  const names = Array.from({ length: count }, () => `bench-${++pods}`)
  return inParallel(names, 10, (name) => stage.volume(certlet, name, { attributes }))
}

/** The volumes' pods are made before, and the volumes are gone afterwards: neither is in the time. */
const publishes =
  (stage: Stage, certlet: Certlet): Take =>
  async (count, atOnce) => {
    const volumes = await makeVolumes(stage, certlet, count)
    const before = await certlet.usage()
    const times = await timesOf(volumes, atOnce, (volume) => certlet.publish(volume))
    const cpuMilliseconds = ((await certlet.usage()).cpuMilliseconds - before.cpuMilliseconds) / count
    await inParallel(volumes, 10, (volume) => certlet.unpublish(volume))
    return { ...times, cpuMilliseconds }
  }

const warmingPublishes = 400

/** Floor and certlet against this control plane, certlet with its code compiled. */
export const publishSides = async (cluster: RealCluster): Promise<ReadonlyArray<Side>> => {
  // The log that tests want would be part of the time; a node has the default level.
  const certlet = await cluster.certlet({ nodeId: "bench", verbosity: "1" })
  const stage = await cluster.stage("bench")
  const ours = publishes(stage, certlet)
  const cold = await ours(alone, 1)
  const afterStart = { [`publish p50 of the first ${alone} after a start, ms`]: median(cold.milliseconds) }
  await ours(warmingPublishes, 10)
  const { program, ...options } = {
    program: cluster.plane.tools.floor,
    kubeconfig: cluster.access.kubeconfig,
    namespace: stage.namespace,
    issuer: stage.issuer.ref,
    // Neither side deletes within its time: certlet's requests stay as long as their volumes.
    keep: true
  }
  const floor: Take = (count, concurrency) => measureFloor(program, { ...options, count, concurrency })
  return [
    { name: "floor", take: () => turnOf(floor) },
    { name: "certlet", take: async () => ({ ...afterStart, ...(await turnOf(ours)) }) }
  ]
}
