// The guard's measurements: publishes on a real control plane and a node on the embedded one, each next to its floor,
// on two cores whatever the machine has, because with more of them the floor gains more than one event loop can. What
// is worse than its bound is measured again, twice at most. `recorded.json` holds what certlet was when somebody last
// looked at the figures and found them right.
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import type { RealCluster } from "../cluster/RealCluster.ts"
import { nodeSide } from "./benchNode.ts"
import { better, compare, type Guarded, guardedFigures, type Verdict } from "./guard.ts"
import { publishSides } from "./publishSides.ts"
import { shippedCertlet } from "./shippedCertlet.ts"
import { type Figures, median, takeTurns } from "./takeTurns.ts"

const worse = "larger"
/** A row of both sides. */
const beside = (what: string, factor: number): Guarded => ({ what, worse, over: what, factor })

const publishing: ReadonlyArray<Guarded> = [
  beside("publish p50, 1 at once, ms", 1.5),
  beside("slowest publish of 25, 1 at once, ms", 1.8),
  { ...beside("publishes a second, 10 at once", 1.6), worse: "smaller" },
  { ...beside("publishes a second, 50 at once", 1.6), worse: "smaller" },
  beside("processor time per publish, many at once, ms", 1.5)
]

const onNode: ReadonlyArray<Guarded> = [
  { what: "start to serving, ms", worse, over: "start of a bare process, ms", factor: 1.6 },
  {
    what: "start to serving with many volumes, ms",
    ...{ worse, over: "another start of a bare process, ms", factor: 1.6 }
  },
  // The quieter the machine, the less a bare unmount takes: what is recorded must come from a quiet one.
  { what: "unpublish p50, ms", worse, over: "bare unmount p50, ms", factor: 2 },
  { what: "working set at start, MiB", worse, factor: 1.25 },
  { what: "working set with few volumes, MiB", worse, factor: 1.25 },
  { what: "working set with many volumes, MiB", worse, factor: 1.25 },
  { what: "wake-ups a second with many idle volumes", worse, factor: 2, least: 1 },
  // On a virtual machine within another one, a process pays tens of milliseconds for its memory whenever it wakes up.
  { what: "processor time with many idle volumes, % of a core", worse, factor: 1.5, least: 2.5 }
]

/** Every row that is guarded. */
const guarded: ReadonlyArray<Guarded> = [...publishing, ...onNode]

interface Recorded {
  readonly machine: string
  readonly date: string
  readonly figures: Figures
}

const file = join(import.meta.dirname, "recorded.json")
const recorded = (): Recorded => JSON.parse(readFileSync(file, "utf8"))

const tries = 3
const publishTurns = 5
const nodeTurns = 1
const node = { few: 110, many: 1000, keys: "ECDSA" } as const

/** This process and its children keep to the first two cores that it may use. */
const takeTwoCores = (): void => {
  const [, list = ""] = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? []
  const allowed = list.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
  execFileSync("taskset", ["-a", "-c", "-p", allowed.slice(0, 2).join(","), String(process.pid)])
}

/** It takes minutes, and shows how far it is. */
const told = (what: string, attempt: number, figures: Figures): Figures => {
  console.error(`${what}, try ${attempt + 1} of ${tries} at most: ${JSON.stringify(figures)}`)
  return figures
}

/** Some rows that are measured together. */
interface Part {
  readonly name: string
  readonly rows: ReadonlyArray<Guarded>
  readonly take: () => Promise<Figures>
}

const partsOn = async (cluster: RealCluster): Promise<ReadonlyArray<Part>> => {
  if (process.getuid?.() !== 0) throw new Error("the guard mounts and counts memory, so it needs root")
  takeTwoCores()
  const publish = await publishSides(cluster)
  const certlet = nodeSide("node", await shippedCertlet(), node)
  return [
    {
      name: "publish",
      rows: publishing,
      take: async () => guardedFigures(publishing, await takeTurns(publish, publishTurns))
    },
    { name: "node", rows: onNode, take: async () => guardedFigures(onNode, await takeTurns([certlet], nodeTurns)) }
  ]
}

/** Measures and compares. */
export const guard = async (cluster: RealCluster): Promise<ReadonlyArray<Verdict>> => {
  const { figures } = recorded()
  const verdicts: Array<Verdict> = []
  for (const { name, rows, take } of await partsOn(cluster)) {
    let best: Figures = {}
    for (let attempt = 0; attempt < tries; attempt++) {
      best = better(rows, best, told(name, attempt, await take()))
      if (compare(rows, figures, best).every(({ good }) => good)) break
    }
    verdicts.push(...compare(rows, figures, best))
  }
  return verdicts
}

/** Measures, and writes down the median of the tries as what certlet is from now on. */
export const record = async (cluster: RealCluster): Promise<ReadonlyArray<Verdict>> => {
  const taken: Array<Figures> = []
  for (const { name, take } of await partsOn(cluster)) {
    for (let attempt = 0; attempt < tries; attempt++) taken.push(told(name, attempt, await take()))
  }
  const figures = Object.fromEntries(
    guarded.map(({ what }) => [what, Number(median(taken.flatMap((one) => one[what] ?? [])).toPrecision(3))])
  )
  const [, load = 0] = loadavg()
  const processor = cpus()[0]?.model ?? "an unknown processor"
  const machine = `two cores of ${processor}, Node ${process.versions.node}, load average ${load.toFixed(1)} meanwhile`
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(file, `${JSON.stringify({ machine, date, figures } satisfies Recorded, undefined, 2)}\n`)
  return compare(guarded, figures, figures)
}
