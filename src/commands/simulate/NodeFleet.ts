/**
 * A fleet from the command line: prints the plan, runs it with and without jitter, writes the page and says how fast
 * it went and what it took.
 */
import { Console, Duration, Effect } from "effect"
import { type Fleets, fleetPage } from "./fleetPage.ts"
import { beginPage } from "./NodePage.ts"
import { makeProgress } from "./NodeProgress.ts"
import { type FleetOrder, fleetLine, planOf } from "./Order.ts"
import { runFleet } from "./runFleet.ts"

const summary = ({ jittered, plain }: Fleets, took: Duration.Duration): string => {
  const seconds = Duration.toSeconds(took)
  const events = jittered.fleet.events + plain.fleet.events
  const { apiLoad, totals } = jittered.record
  const load = [
    `${apiLoad.calls.toFixed(1)} calls`,
    `${apiLoad.watchEvents.toFixed(1)} watch events`,
    `${(apiLoad.watchBytes / 1000).toFixed(1)} kB of them`
  ]
  const left = jittered.record.lowestMillis / 3_600_000
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
  const record = `${megabytes(jittered.record.bytes)} for the record of a fleet`
  const all = `${megabytes(process.resourceUsage().maxRSS * 1024)} in all`
  return [
    `${totals.signatures} certificates signed with jitter, ${plain.record.totals.signatures} without`,
    `least life ever left at a renewal: ${left.toFixed(2)} h; ${jittered.record.expired} expired first`,
    `the API server, on average: ${load.join(", ")} a second`,
    `${events} events in ${seconds.toFixed(1)} s: ${Math.round(events / seconds)} a second`,
    `memory: ${jittered.fleet.bytesPerPod} bytes for a pod, ${record}; ${all}`
  ].join("\n")
}

/** Runs a fleet and writes its page. */
export const reportFleet = Effect.fnUntraced(function* (order: FleetOrder) {
  yield* Console.log(fleetLine(order))
  const page = yield* beginPage("report", order.report)
  const progress = makeProgress()
  const run = runFleet(planOf(order), order.seed, (share) => progress.show(share, "of the days"))
  const [took, fleets] = yield* Effect.timed(run)
  yield* page.write(fleetPage(fleets))
  yield* Console.log(summary(fleets, took))
  yield* Console.log(`written: ${page.address}`)
})
