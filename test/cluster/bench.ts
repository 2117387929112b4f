// How fast certlet is, beside the floor: a bare program that does what every certificate needs and nothing else,
// against the same API server, etcd and cert-manager, with the same ServiceAccount, in the same namespace, in turns
// with certlet, so that whatever else the machine does hits both. Figures are ratios; absolute times mean little on a
// shared machine. Run it by itself with `npm run bench`; performance.test.ts takes fewer samples and judges what must
// hold.

import { until } from "../kit/until.ts"
import type { Certlet } from "./Certlet.ts"
import { inParallel } from "./inParallel.ts"
import { measureFloor } from "./measureFloor.ts"
import type { PodVolume } from "./PodVolume.ts"
import type { RealCluster, Stage } from "./RealCluster.ts"

export interface BenchOptions {
  /** Turns of floor and certlet at each concurrency. */
  readonly turns: number
  /** Publishes per turn, one at a time. */
  readonly alone: number
  /** Publishes per turn, many at once. */
  readonly together: number
  /** How long an idle certlet is watched. */
  readonly idleMilliseconds: number
}

export const thorough: BenchOptions = { turns: 8, alone: 25, together: 100, idleMilliseconds: 10_000 }
export const brief: BenchOptions = { turns: 4, alone: 25, together: 100, idleMilliseconds: 5_000 }

interface Pace {
  readonly atOnce: number
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
}

export interface Figures {
  readonly paces: ReadonlyArray<{ readonly floor: Pace; readonly certlet: Pace }>
  /** Of the first publishes after a start, one at a time. */
  readonly coldP50: number
  readonly unpublishP50: number
  readonly volumes: number
  /** Share of one core, 0 to 1. */
  readonly idleCpu: number
  readonly residentAtStart: number
  readonly resident: number
  readonly restartMilliseconds: number
}

interface Sample {
  readonly milliseconds: ReadonlyArray<number>
  readonly perSecond: number
}

/** The p-th percentile of numbers in any order. */
const percentile = (numbers: ReadonlyArray<number>, share: number): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
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

const paceOf = (atOnce: number, samples: ReadonlyArray<Sample>): Pace => {
  const milliseconds = samples.flatMap((one) => one.milliseconds)
  const seconds = samples.reduce((sum, one) => sum + one.milliseconds.length / one.perSecond, 0)
  return {
    atOnce,
    p50: percentile(milliseconds, 0.5),
    p99: percentile(milliseconds, 0.99),
    perSecond: milliseconds.length / seconds
  }
}

const attributes = { "key-algorithm": "ECDSA", "dns-names": "bench.example.com", "common-name": "bench.example.com" }

let pods = 0
const makeVolumes = (stage: Stage, certlet: Certlet, count: number) => {
  const names = Array.from({ length: count }, () => `bench-${++pods}`)
  return inParallel(names, 10, (name) => stage.volume(certlet, name, { attributes }))
}

/** Floor and certlet in turns; the volumes are gone afterwards. */
const measurePace = async (
  cluster: RealCluster,
  stage: Stage,
  certlet: Certlet,
  turns: number,
  count: number,
  atOnce: number
) => {
  const floor: Array<Sample> = []
  const ours: Array<Sample> = []
  const unpublishes: Array<number> = []
  const options = {
    kubeconfig: cluster.access.kubeconfig,
    namespace: stage.namespace,
    issuer: stage.issuer.ref,
    // Neither side deletes within its time: certlet's requests stay as long as their volumes.
    keep: true
  }
  for (let turn = 0; turn < turns; turn++) {
    const volumes = await makeVolumes(stage, certlet, count)
    const measureOurs = async () => {
      ours.push(await timesOf(volumes, atOnce, (volume) => certlet.kubelet.publish(volume)))
    }
    // Who comes first changes with every turn.
    if (turn % 2 === 1) await measureOurs()
    floor.push(await measureFloor(cluster.plane.tools.floor, { ...options, count, concurrency: atOnce }))
    if (turn % 2 === 0) await measureOurs()
    const gone = await timesOf(volumes, 1, (volume) => certlet.unpublish(volume))
    unpublishes.push(...gone.milliseconds)
  }
  return { pace: { floor: paceOf(atOnce, floor), certlet: paceOf(atOnce, ours) }, unpublishes }
}

const settlingMilliseconds = 15_000

/** Lets time pass; resolves with the milliseconds. */
const passing = async (milliseconds: number): Promise<number> => {
  const start = performance.now()
  await until("time to pass", { deadlineMilliseconds: milliseconds * 2 }, async () =>
    performance.now() - start >= milliseconds ? true : undefined
  )
  return performance.now() - start
}

/** The share of a core that certlet uses while nothing happens. */
const measureIdle = async (certlet: Certlet, milliseconds: number): Promise<number> => {
  const before = await certlet.usage()
  const elapsed = await passing(milliseconds)
  return ((await certlet.usage()).cpuMilliseconds - before.cpuMilliseconds) / elapsed
}

const coldPublishes = 25
const warmingPublishes = 400

/**
 * The first publishes of a certlet that has just started, one at a time, then as many more as it takes until its code
 * is compiled. Resolves with the median of the first ones: what a node sees after a restart.
 */
const warmUp = async (certlet: Certlet, stage: Stage): Promise<number> => {
  const first = await makeVolumes(stage, certlet, coldPublishes)
  const { milliseconds } = await timesOf(first, 1, (volume) => certlet.publish(volume))
  const more = await makeVolumes(stage, certlet, warmingPublishes)
  await timesOf(more, 10, (volume) => certlet.publish(volume))
  await timesOf([...first, ...more], 10, (volume) => certlet.unpublish(volume))
  return percentile(milliseconds, 0.5)
}

const idleVolumes = 200

const measureIdleNode = async (certlet: Certlet, stage: Stage, milliseconds: number) => {
  const volumes: ReadonlyArray<PodVolume> = await makeVolumes(stage, certlet, idleVolumes)
  await timesOf(volumes, 10, (volume) => certlet.publish(volume))
  await certlet.end()
  const restartMilliseconds = await certlet.startAgain()
  await timesOf(volumes, 10, (volume) => certlet.publish(volume))
  // The pool of keys fills itself after a burst, and the burst's garbage is collected: that is not idleness.
  await passing(settlingMilliseconds)
  const idleCpu = await measureIdle(certlet, milliseconds)
  const { residentBytes } = await certlet.usage()
  await timesOf(volumes, 10, (volume) => certlet.unpublish(volume))
  return { restartMilliseconds, idleCpu, resident: residentBytes, volumes: idleVolumes }
}

export const measure = async (cluster: RealCluster, options: BenchOptions): Promise<Figures> => {
  // The log that tests want would be part of the time; a node has the default level.
  const certlet = await cluster.certlet({ nodeId: "bench", verbosity: "1" })
  const stage = await cluster.stage("bench")
  const residentAtStart = (await certlet.usage()).residentBytes
  const coldP50 = await warmUp(certlet, stage)
  const { turns, alone, together } = options
  const paces = [
    await measurePace(cluster, stage, certlet, turns, alone, 1),
    await measurePace(cluster, stage, certlet, Math.ceil(turns / 2), together, 10),
    await measurePace(cluster, stage, certlet, Math.ceil(turns / 2), together, 50)
  ]
  return {
    paces: paces.map((one) => one.pace),
    unpublishP50: percentile(
      paces.flatMap((one) => one.unpublishes),
      0.5
    ),
    coldP50,
    residentAtStart,
    ...(await measureIdleNode(certlet, stage, options.idleMilliseconds))
  }
}

/** One figure of certlet's, and the floor's where it has one. */
interface FigureRow {
  readonly what: string
  readonly certlet: number
  readonly floor?: number
  readonly ratio?: number
}

const rowsOf = (figures: Figures): ReadonlyArray<FigureRow> => {
  const beside = (what: string, floor: number, certlet: number) => ({ what, floor, certlet, ratio: certlet / floor })
  return [
    ...figures.paces.flatMap(({ certlet, floor }) => [
      beside(`publish p50, ${floor.atOnce} at once, ms`, floor.p50, certlet.p50),
      beside(`publish p99, ${floor.atOnce} at once, ms`, floor.p99, certlet.p99),
      beside(`publishes a second, ${floor.atOnce} at once`, floor.perSecond, certlet.perSecond)
    ]),
    { what: `publish p50 of the first ${coldPublishes} after a start, ms`, certlet: figures.coldP50 },
    { what: "unpublish p50, ms", certlet: figures.unpublishP50 },
    { what: `idle with ${figures.volumes} volumes, % of a core`, certlet: figures.idleCpu * 100 },
    { what: "memory (RSS) at start, MB", certlet: figures.residentAtStart / 1e6 },
    { what: `memory (RSS) with ${figures.volumes} volumes, MB`, certlet: figures.resident / 1e6 },
    { what: `start to serving with ${figures.volumes} volumes, ms`, certlet: figures.restartMilliseconds }
  ]
}

/** The figures as rows for programs and as a table for people. */
export const figureRows = (figures: Figures) => {
  const rows = rowsOf(figures)
  const cell = (figure: number | undefined) => (figure === undefined ? "" : figure.toFixed(2)).padStart(10)
  const lines = rows.map(({ certlet, floor, ratio, what }) =>
    [what.padEnd(52), ...[floor, certlet, ratio].map(cell)].join("")
  )
  const head = ["".padEnd(52), ...["floor", "certlet", "ratio"].map((one) => one.padStart(10))].join("")
  return { rows, table: [head, ...lines].join("\n") }
}
