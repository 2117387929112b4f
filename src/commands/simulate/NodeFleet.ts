/**
 * A fleet from the command line: prints the plan, runs it with and without jitter, writes the page and says how fast
 * it went and what it took. A page that cannot be written is a failure before the first second is simulated, not after
 * the last.
 */
import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { Console, Duration, Effect, Schema } from "effect"
import { type Fleets, fleetPage } from "./fleetPage.ts"
import { makeProgress } from "./NodeProgress.ts"
import { type FleetOrder, fleetLine, planOf } from "./Order.ts"
import { runFleet } from "./runFleet.ts"

/** The page cannot be written. */
class ReportError extends Schema.TaggedError<ReportError>()("ReportError", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `--report ${this.path}: cannot be written (${this.detail}); name a file in a folder that exists`
  }
}

const write = (path: string, text: string) =>
  Effect.try({
    try: () => writeFileSync(path, text),
    catch: (cause) => new ReportError({ path, detail: cause instanceof Error ? cause.message : String(cause) })
  })

const summary = ({ jittered, plain }: Fleets, took: Duration.Duration): string => {
  const seconds = Duration.toSeconds(took)
  const events = jittered.fleet.events + plain.fleet.events
  const { totals } = jittered.record
  const left = jittered.record.lowestMillis / 3_600_000
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
  const record = `${megabytes(jittered.record.bytes)} for the record of a fleet`
  const all = `${megabytes(process.resourceUsage().maxRSS * 1024)} in all`
  return [
    `${totals.signatures} certificates signed with jitter, ${plain.record.totals.signatures} without`,
    `least life ever left at a renewal: ${left.toFixed(2)} h; ${jittered.record.expired} expired first`,
    `${events} events in ${seconds.toFixed(1)} s: ${Math.round(events / seconds)} a second`,
    `memory: ${jittered.fleet.bytesPerPod} bytes for a pod, ${record}; ${all}`
  ].join("\n")
}

/** Runs a fleet and writes its page. */
export const reportFleet = Effect.fnUntraced(function* (order: FleetOrder) {
  const path = resolve(order.report)
  yield* Console.log(fleetLine(order))
  yield* write(path, "")
  const progress = makeProgress()
  const run = runFleet(planOf(order), order.seed, (share) => progress.show(share, "of the days"))
  const [took, fleets] = yield* Effect.timed(run)
  yield* write(path, fleetPage(fleets))
  yield* Console.log(summary(fleets, took))
  yield* Console.log(`written: ${pathToFileURL(path).href}`)
})
