// What a node pays for its driver: memory as a kubelet counts it, processor time, and the time that the driver takes by
// itself, without a control plane's. The cluster is the embedded one, in this process; the driver is a process of its
// own, as a pod of the DaemonSet runs it (`MeasuredDriver`). A turn is a fresh driver on a fresh node, and a subject is
// a few steps: it starts, publishes a node's worth of pods and many more, rests, starts again, unpublishes.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { Duration, Effect } from "effect"
import { type CallError, connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { bareStart, bareUnmount } from "./bareNode.ts"
import { MeasuredDriver, writeServiceAccount } from "./MeasuredDriver.ts"
import { type Figures, median, type Side } from "./takeTurns.ts"

/** One driver of the comparison: what it is called, its program with arguments, and its environment. */
export interface Contender {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
}

export interface NodeBenchOptions {
  /** Volumes on the node: at first, and at last. */
  readonly few: number
  readonly many: number
  /** `ECDSA` or `RSA`. */
  readonly keys: string
}

/** Long enough for a driver to put its memory in order after a burst. */
const settling = 15_000
const idling = 20_000
/** How many volumes are unpublished one by one. */
const alone = 100

const contextOf = (pod: string, uid: string, keys: string) => ({
  "csi.storage.k8s.io/ephemeral": "true",
  "csi.storage.k8s.io/pod.name": pod,
  "csi.storage.k8s.io/pod.namespace": "apps",
  "csi.storage.k8s.io/pod.uid": uid,
  "csi.storage.k8s.io/serviceAccount.name": "default",
  "csi.cert-manager.io/issuer-name": "ca",
  "csi.cert-manager.io/dns-names": `${pod}.apps.svc`,
  "csi.cert-manager.io/common-name": pod,
  "csi.cert-manager.io/key-algorithm": keys
})

/** A node with one driver: its cluster, its process, its volumes. */
const makeNode = Effect.fnUntraced(function* ({ name: _, ...driven }: Contender, keys: string) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync("/dev/shm/certlet-bench-")),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const cluster = yield* EmbeddedCluster.make()
  const serviceAccount = join(folder, "serviceaccount")
  writeServiceAccount(serviceAccount, yield* cluster.rotateToken(), cluster.authority)
  const driver = yield* Effect.acquireRelease(
    Effect.sync(() => new MeasuredDriver({ ...driven, folder, serviceAccount, server: cluster.url })),
    (driver) => Effect.promise(() => driver.close())
  )
  const kubelet = yield* connectKubelet(driver.socket)
  const volumes: Array<{ readonly volumeId: string; readonly target: string }> = []
  const publish = Effect.suspend(() => {
    const [pod, uid] = [`web-${volumes.length}`, crypto.randomUUID()]
    const place = join(folder, "pods", uid, "volumes/kubernetes.io~csi/tls")
    mkdirSync(place, { recursive: true })
    const volume = { volumeId: `csi-${pod}`, target: join(place, "mount") }
    volumes.push(volume)
    return kubelet.publish({ ...volume, context: contextOf(pod, uid, keys) })
  })
  const start = Effect.promise(() => driver.start(() => Effect.runPromise(kubelet.probe)))
  return { driver, kubelet, publish, start, volumes }
})
type BenchNode = Effect.Success<ReturnType<typeof makeNode>>

/** A part of a turn, on a node whose driver runs. */
type Step = (node: BenchNode, options: NodeBenchOptions) => Effect.Effect<Figures, CallError>

const begin: Step = ({ start }) =>
  Effect.gen(function* () {
    return { "start of a bare process, ms": bareStart(), "start to serving, ms": yield* start }
  })

/** Publishes until so many volumes are there, ten at once. */
const publishUntil =
  (which: string, count: (options: NodeBenchOptions) => number): Step =>
  ({ driver, publish, volumes }, options) =>
    Effect.gen(function* () {
      const more = count(options) - volumes.length
      const [before, begun] = [driver.usage().cpuMilliseconds, performance.now()]
      yield* Effect.forEach(Array.from({ length: more }), () => publish, { concurrency: 10, discard: true })
      const seconds = (performance.now() - begun) / 1000
      return {
        [`processor time per publish, ${which}, ms`]: (driver.usage().cpuMilliseconds - before) / more,
        [`publishes a second, ten at once, ${which}`]: more / seconds
      }
    })
const publishFew = publishUntil("first ones", ({ few }) => few)
const publishMany = publishUntil("later ones", ({ many }) => many)

const settle = Effect.promise(() => pause(settling))

const weigh =
  (when: string): Step =>
  ({ driver }) =>
    Effect.map(settle, () => ({ [`working set ${when}, MiB`]: driver.usage().workingSetBytes / 1024 / 1024 }))

/** After a while: the pool of keys is full then, and the garbage of the publishes is collected. */
const rest: Step = ({ driver }) =>
  Effect.gen(function* () {
    yield* settle
    const before = driver.usage()
    yield* Effect.promise(() => pause(idling))
    const after = driver.usage()
    return {
      "wake-ups a second with many idle volumes": (after.wakeUps - before.wakeUps) / (idling / 1000),
      "processor time with many idle volumes, % of a core":
        ((after.cpuMilliseconds - before.cpuMilliseconds) / idling) * 100
    }
  })

const restart: Step = ({ driver, start }) =>
  Effect.gen(function* () {
    yield* Effect.promise(() => driver.stop())
    return {
      "another start of a bare process, ms": bareStart(),
      "start to serving with many volumes, ms": yield* start
    }
  })

const leave: Step = ({ driver, kubelet, volumes }) =>
  Effect.gen(function* () {
    const bare = bareUnmount()
    const times = yield* Effect.forEach(volumes.splice(0, alone), (volume) => Effect.timed(kubelet.unpublish(volume)))
    const before = driver.usage().cpuMilliseconds
    const [took] = yield* Effect.timed(
      Effect.forEach(volumes, (volume) => kubelet.unpublish(volume), { concurrency: 50, discard: true })
    )
    return {
      "bare unmount p50, ms": bare,
      "unpublish p50, ms": median(times.map(([took]) => Duration.toMillis(took))),
      "processor time per unpublish, ms": (driver.usage().cpuMilliseconds - before) / volumes.length,
      "unpublishes a second, fifty at once": volumes.length / Duration.toSeconds(took)
    }
  })

const memory = [
  begin,
  weigh("at start"),
  publishFew,
  weigh("with few volumes"),
  publishMany,
  weigh("with many volumes")
]

/** What can be measured of a node, and its steps. */
const steps: Readonly<Record<NodeSubject, ReadonlyArray<Step>>> = {
  memory,
  idle: [begin, publishMany, rest],
  start: [begin, publishMany, restart],
  unpublish: [begin, publishMany, leave],
  node: [...memory, rest, restart, leave]
}

export type NodeSubject = "memory" | "idle" | "start" | "unpublish" | "node"

/** What is measured of a node; `node` is all of it in one turn. */
export const nodeSubjects: ReadonlyArray<string> = Object.keys(steps)

export const isNodeSubject = (what: string): what is NodeSubject => nodeSubjects.includes(what)

/** One contender of the comparison; each turn is a fresh driver on a fresh node. */
export const nodeSide = (subject: NodeSubject, contender: Contender, options: NodeBenchOptions): Side => ({
  name: contender.name,
  take: () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const node = yield* makeNode(contender, options.keys)
          const figures = yield* Effect.forEach(steps[subject], (step) => step(node, options))
          return Object.assign({}, ...figures)
        })
      )
    )
})
