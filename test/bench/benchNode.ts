// What a node pays for its driver: memory as a kubelet counts it, processor time, and the time that the driver takes by
// itself, without a control plane's. The cluster is the embedded one, in this process; the driver is a process of its
// own, as a pod of the DaemonSet runs it (`MeasuredDriver`). A turn is a fresh driver: it starts, publishes a node's
// worth of pods at ten at once and then many more, starts again with all of them, and unpublishes them. A second driver
// (`--peer`) takes turns with certlet, so that whatever else the machine does hits both.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { Duration, Effect } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { MeasuredDriver, writeServiceAccount } from "./MeasuredDriver.ts"

/** One driver of the comparison: what it is called, its program with arguments, and its environment. */
export interface Contender {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
}

export interface NodeBenchOptions {
  readonly contenders: ReadonlyArray<Contender>
  readonly turns: number
  /** Volumes on the node: at first, and at last. */
  readonly few: number
  readonly many: number
  /** `ECDSA` or `RSA`. */
  readonly keys: string
}

/** What one turn shows; a row of the table each. */
const rows = {
  "start to serving, ms": "start",
  "working set at start, MiB": "atStart",
  "working set with few volumes, MiB": "withFew",
  "working set with many volumes, MiB": "withMany",
  "processor time per publish, first ones, ms": "cpuCold",
  "processor time per publish, later ones, ms": "cpuWarm",
  "publishes a second, ten at once": "perSecond",
  "processor time with many idle volumes, % of a core": "idle",
  "start to serving with many volumes, ms": "startAgain",
  "unpublish p50, ms": "unpublish",
  "unpublishes a second, fifty at once": "unpublishes"
} as const
type Figures = Readonly<Record<(typeof rows)[keyof typeof rows], number>>

/** Long enough for a driver to put its memory in order after a burst. */
const settling = 15_000
const idling = 10_000
/** How many volumes are unpublished one by one. */
const alone = 100

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

const contextOf = (pod: string, uid: string, keys: string) => ({
  "csi.storage.k8s.io/ephemeral": "true",
  "csi.storage.k8s.io/pod.name": pod,
  "csi.storage.k8s.io/pod.namespace": "apps",
  "csi.storage.k8s.io/pod.uid": uid,
  "csi.storage.k8s.io/serviceAccount.name": "default",
  "csi.cert-manager.io/issuer-name": "bench",
  "csi.cert-manager.io/dns-names": `${pod}.apps.svc`,
  "csi.cert-manager.io/common-name": pod,
  "csi.cert-manager.io/key-algorithm": keys
})

const turn = Effect.fnUntraced(function* (contender: Contender, { few, keys, many }: NodeBenchOptions) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync("/dev/shm/certlet-bench-")),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const cluster = yield* EmbeddedCluster.make()
  const serviceAccount = join(folder, "serviceaccount")
  writeServiceAccount(serviceAccount, yield* cluster.rotateToken(), cluster.authority)
  const driver = yield* Effect.acquireRelease(
    Effect.sync(() => new MeasuredDriver({ ...contender, folder, serviceAccount, server: cluster.url })),
    (driver) => Effect.promise(() => driver.close())
  )
  const kubelet = yield* connectKubelet(driver.socket)
  const start = Effect.promise(() => driver.start(() => Effect.runPromise(kubelet.probe)))
  const settled = Effect.andThen(
    Effect.promise(() => pause(settling)),
    Effect.sync(() => driver.usage().workingSetBytes / 1024 / 1024)
  )
  const volumes: Array<{ readonly volumeId: string; readonly target: string }> = []
  const publish = Effect.suspend(() => {
    const [pod, uid] = [`web-${volumes.length}`, crypto.randomUUID()]
    const place = join(folder, "pods", uid, "volumes/kubernetes.io~csi/tls")
    mkdirSync(place, { recursive: true })
    const volume = { volumeId: `csi-${pod}`, target: join(place, "mount") }
    volumes.push(volume)
    return kubelet.publish({ ...volume, context: contextOf(pod, uid, keys) })
  })
  const publishMany = Effect.fnUntraced(function* (count: number) {
    const [before, begun] = [driver.usage().cpuMilliseconds, performance.now()]
    yield* Effect.forEach(Array.from({ length: count }), () => publish, { concurrency: 10, discard: true })
    const seconds = (performance.now() - begun) / 1000
    return { cpu: (driver.usage().cpuMilliseconds - before) / count, perSecond: count / seconds }
  })
  const [startMillis, atStart] = [yield* start, yield* settled]
  const [first, withFew] = [yield* publishMany(few), yield* settled]
  const [later, withMany] = [yield* publishMany(many - few), yield* settled]
  const idleFrom = driver.usage().cpuMilliseconds
  yield* Effect.promise(() => pause(idling))
  const idle = ((driver.usage().cpuMilliseconds - idleFrom) / idling) * 100
  yield* Effect.promise(() => driver.stop())
  const startAgain = yield* start
  const times = yield* Effect.forEach(volumes.splice(0, alone), (volume) =>
    Effect.map(Effect.timed(kubelet.unpublish(volume)), ([took]) => Duration.toMillis(took))
  )
  const [took] = yield* Effect.timed(
    Effect.forEach(volumes, (volume) => kubelet.unpublish(volume), { concurrency: 50, discard: true })
  )
  const figures: Figures = {
    ...{ start: startMillis, atStart, withFew, withMany, idle, cpuCold: first.cpu, cpuWarm: later.cpu },
    ...{ perSecond: later.perSecond, startAgain },
    ...{ unpublish: median(times), unpublishes: volumes.length / Duration.toSeconds(took) }
  }
  return figures
}, Effect.scoped)

const described = (numbers: ReadonlyArray<number>): string => {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return [least, median(numbers), most].map((one) => one.toFixed(most < 10 ? 2 : 0).padStart(8)).join("")
}

/** Takes all turns and prints a line of JSON for each row and driver, then a table of minimum, median and maximum. */
export const benchNode = async (options: NodeBenchOptions): Promise<void> => {
  const taken = new Map(options.contenders.map(({ name }) => [name, [] as Figures[]]))
  for (let i = 0; i < options.turns; i++)
    for (const contender of i % 2 === 0 ? options.contenders : options.contenders.toReversed())
      taken.get(contender.name)?.push(await Effect.runPromise(turn(contender, options)))
  const table: Array<string> = []
  for (const [what, key] of Object.entries(rows))
    for (const [driver, figures] of taken) {
      const numbers = figures.map((one) => one[key])
      console.log(JSON.stringify({ what, driver, least: Math.min(...numbers), median: median(numbers), numbers }))
      table.push(`${what.padEnd(52)}${driver.padEnd(10)}${described(numbers)}`)
    }
  console.log(`\n${"".padEnd(62)}${["minimum", "median", "maximum"].map((one) => one.padStart(8)).join("")}`)
  console.log(table.join("\n"))
}
