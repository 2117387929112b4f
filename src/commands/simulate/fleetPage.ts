/**
 * The fleet's page: one HTML text with its plots inside, that loads nothing from anywhere. It shows the same fleet
 * twice, with and without jitter, and says on its face what of it is certlet's own code and what is a model. Pure: the
 * same fleets give the same page.
 */
import { Duration, Option } from "effect"
import { roughly } from "../../testing/story/incidentSentence.ts"
import type { Fleet, FleetPlan } from "./Fleet.ts"
import type { FleetRecord, Series } from "./FleetRecord.ts"
import { page } from "./page.ts"
import { type Plot, plot } from "./plot.ts"

/** A fleet with what was written down about it. */
interface RecordedFleet {
  readonly plan: FleetPlan
  readonly fleet: Fleet
  readonly record: FleetRecord
}

/** The two fleets of one plan. */
export interface Fleets {
  readonly seed: number
  readonly jittered: RecordedFleet
  readonly plain: RecordedFleet
}

const pointsOf = (days: ReadonlyArray<number>, values: ReadonlyArray<number>, scale = 1, shift = 0) =>
  days.map((day, index) => [(day - shift) * scale, values[index] ?? 0] as const)

const hours = (millis: number): string => (Number.isFinite(millis) ? `${(millis / 3_600_000).toFixed(2)} h` : "none")
const whole = (value: number): string => Math.round(value).toLocaleString("en-US")
const decimal = (value: number): string => value.toFixed(1)
const highest = ({ peak }: Series): number => peak.reduce((most, value) => Math.max(most, value), 0)

const outageDays = ({ outage }: FleetPlan) => {
  const from = Duration.toDays(outage.at)
  return { from, to: from + Duration.toDays(outage.lasts) }
}

/** From half a lifetime before the outage to four lifetimes after it: the herd and its echoes. */
const herdWindow = (plan: FleetPlan) => {
  const { from, to } = outageDays(plan)
  const lifetime = Duration.toDays(plan.duration)
  return { from: Math.max(0, from - lifetime / 2), to: Math.min(plan.days, to + 4 * lifetime) }
}

const figure = (id: string, caption: string, drawn: Plot): string =>
  `<figure id="${id}" role="img" aria-label="${caption}">${plot(id, drawn)}<figcaption>${caption}</figcaption></figure>`

/** The power of ten above this one, with room for a word. */
const roundUp = (value: number): number => 10 ** Math.ceil(Math.log10(Math.max(1, value * 1.3)))

/** Where the axes of rates begin: a request in a hundred seconds. */
const leastRate = 0.01

const overTime = (plan: FleetPlan, series: Series, most: number): Plot => ({
  x: "days",
  y: "requests per second",
  most,
  least: leastRate,
  shade: { ...outageDays(plan), word: "issuer away" },
  lines: [
    { name: "highest second", points: pointsOf(series.days, series.peak), pale: true },
    { name: "99th percentile", points: pointsOf(series.days, series.p99) },
    { name: "mean", points: pointsOf(series.days, series.mean) }
  ]
})

const lengthOf = (seconds: number): string => roughly(seconds * 1000)

const bins = ({ stretchSeconds }: Series): string =>
  `Each point is ${lengthOf(stretchSeconds)}: its mean, and of its seconds the highest and the 99th percentile`

const lifetimes = ({ plan, record: { looks } }: RecordedFleet): Plot => ({
  x: "days",
  y: "hours left",
  shade: { ...outageDays(plan), word: "issuer away" },
  lines: [
    { name: "lowest", points: looks.map(({ day, lowest }) => [day, lowest]) },
    { name: "lowest tenth", points: looks.map(({ day, tenth }) => [day, tenth]) },
    { name: "median", points: looks.map(({ day, median }) => [day, median]) }
  ]
})

/** The herd is looked at more closely. */
const herdStretches = 720

const herd = ({ jittered, plain }: Fleets): Plot => {
  const { from, to } = herdWindow(plain.plan)
  const outage = outageDays(plain.plan)
  const line = (fleet: RecordedFleet) => {
    const { days, mean } = fleet.record.issuer(from, to, herdStretches)
    return pointsOf(days, mean, 24, outage.from)
  }
  return {
    least: leastRate,
    x: "hours from the beginning of the outage",
    y: "requests per second",
    shade: { from: 0, to: (outage.to - outage.from) * 24, word: "issuer away" },
    lines: [
      { name: "without jitter", points: line(plain) },
      { name: "with jitter", points: line(jittered) }
    ]
  }
}

const row = (name: string, ...cells: ReadonlyArray<string>) =>
  `<tr><td>${name}</td>${cells.map((cell) => `<td class="n">${cell}</td>`).join("")}</tr>`

const results = (fleets: Fleets): string => {
  const pair = (name: string, cell: (fleet: RecordedFleet) => string) =>
    row(name, cell(fleets.jittered), cell(fleets.plain))
  // The first lifetime is the rollout's own herd; what comes after shows what becomes of it.
  const settled = Duration.toDays(fleets.plain.plan.duration) * 2
  const beforeOutage = outageDays(fleets.plain.plan).from
  return `<table><thead><tr><th></th><th class="n">with jitter</th><th class="n">without</th></tr></thead><tbody>
${pair("certificates signed", ({ record }) => whole(record.totals.signatures))}
${pair("refused by the issuer", ({ record }) => whole(record.totals.refusals))}
${pair("least life ever left at a renewal", ({ record }) => hours(record.lowestMillis))}
${pair("certificates that expired before their renewal", ({ record }) => whole(record.expired))}
${pair("highest second at the API server, whole time", ({ record }) => whole(highest(record.apiServer())))}
${pair("highest second at the API server, settled, before the outage", ({ record }) =>
  settled < beforeOutage ? whole(highest(record.apiServer(settled, beforeOutage))) : "none"
)}
${pair("mean calls at the API server in a second", ({ record }) => decimal(record.apiLoad.calls))}
${pair("mean watch events in a second", ({ record }) => decimal(record.apiLoad.watchEvents))}
${pair("mean kilobytes of watch events in a second", ({ record }) => decimal(record.apiLoad.watchBytes / 1000))}
${pair("highest second at the issuer, whole time", ({ record }) => whole(highest(record.issuer())))}
${pair("most requests of one node within a minute", ({ record }) => whole(record.busiestNodeMinute))}
</tbody></table>`
}

/** What became of a fleet, in two sentences: whether anybody's certificate expired, and what jitter was good for. */
const verdict = ({ jittered, plain }: Fleets): string => {
  const { expired, lowestMillis, totals } = jittered.record
  const least = `the least life that one had left at its renewal was ${hours(lowestMillis)}`
  const lives =
    expired === 0
      ? `No certificate expired, though the issuer was away for ${Duration.format(plain.plan.outage.lasts)}: ${least}.`
      : `${whole(expired)} of ${whole(totals.signatures)} certificates expired before their renewal: the issuer was away
for ${Duration.format(plain.plan.outage.lasts)}, longer than they had left.`
  const { to } = outageDays(plain.plan)
  const later = ({ record }: RecordedFleet) =>
    whole(highest(record.issuer(to + Duration.toDays(plain.plan.duration) / 2)))
  return `<p class="verdict${expired === 0 ? "" : " bad"}">${lives} Once the issuer was back and the herd was through,
its busiest second had ${later(jittered)} requests with jitter, ${later(plain)} without.</p>`
}

const renewedBefore = ({ renewBefore }: FleetPlan): string =>
  Option.match(renewBefore, { onNone: () => "a third of the lifetime", onSome: Duration.format })

const planTable = ({ jittered: { plan }, seed }: Fleets): string => `<table><tbody>
${row("seed", String(seed))}
${row("nodes, pods, days", `${whole(plan.nodes)}, ${whole(plan.pods)}, ${plan.days}`)}
${row("lifetime of a certificate", Duration.format(plan.duration))}
${row("renewed before expiry", renewedBefore(plan))}
${row("nodes started within", Duration.format(plan.rollout))}
${row("the issuer signs", `${plan.issuerRate} a second`)}
${row("issuer away", `day ${outageDays(plan).from}, for ${Duration.format(plan.outage.lasts)}; it ${plan.outage.kind}`)}
</tbody></table>`

const model = `<p>Certlet's own code decides when each certificate is renewed (<code>renewalTime</code>) and how long it
waits after a failure (<code>pauseAfter</code>). The rest is a model: the order of a volume's life, an API server that
always answers, and an issuer that signs in order at the rate above. No key is made, nothing is signed and no file is
written: this page proves nothing about keys, certificates, mounts or crashes. For each request the API server gets one
create, two status updates by cert-manager and, from the second certificate on, one delete; each of them is an event on
the watch of one node, and its bytes were weighed on a real API server. Each node opens its one watch again every few
minutes, which is not counted.</p>`

/** The page. */
export const fleetPage = (fleets: Fleets): string => {
  const { plan } = fleets.jittered
  const title = `${whole(plan.pods)} pods on ${whole(plan.nodes)} nodes for ${plan.days} days`
  const { jittered, plain } = fleets
  const [calls, plainCalls, asked] = [jittered.record.apiServer(), plain.record.apiServer(), jittered.record.issuer()]
  const mostCalls = roundUp(Math.max(highest(calls), highest(plainCalls)))
  const mostAsked = roundUp(highest(asked))
  const { from, to } = herdWindow(plan)
  const echoes = `Requests that reach the issuer, with and without jitter; each point is the mean of
${lengthOf(((to - from) * 86_400) / herdStretches)}`
  return page(
    title,
    `<h1>${title}</h1>
${verdict(fleets)}
${results(fleets)}
${planTable(fleets)}
<h2>Requests at the API server</h2>
${figure("api-server", `With jitter. ${bins(calls)}`, overTime(plan, calls, mostCalls))}
${figure("api-server-plain", "The same fleet without jitter, on the same scale", overTime(plan, plainCalls, mostCalls))}
<h2>Requests at the issuer</h2>
${figure("issuer", `With jitter. ${bins(asked)}`, overTime(plan, asked, mostAsked))}
<h2>Life left in the pods' certificates</h2>
${figure("lifetimes", `With jitter, all pods, looked at every ${lengthOf(calls.stretchSeconds)}`, lifetimes(jittered))}
<h2>The herd after the outage</h2>
${figure("herd", echoes, herd(fleets))}
<h2>What is real here</h2>
${model}`
  )
}
