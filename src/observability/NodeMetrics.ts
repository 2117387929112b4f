/**
 * The door for scrapers: `GET /metrics` at `--metrics-bind-address` answers what the driver says of itself, and what
 * the process takes. It listens only where the settings name an address, and an address that cannot be had stops the
 * process at once, because a node that silently goes unwatched is worse than one that does not start.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { Driver } from "../driver/Driver.ts"
import { type BindAddress, Settings } from "../Settings.ts"
import { addressText, answerHttp, plain } from "../socket/NodeHttp.ts"

/** The address for metrics cannot be had. */
class MetricsError extends Schema.TaggedError<MetricsError>()("MetricsError", { detail: Schema.String }) {
  override get message(): string {
    return `--metrics-bind-address: ${this.detail}`
  }
}

const started = Date.now() / 1000 - process.uptime()

/** The process itself, in the names that every Prometheus client uses. */
const processText = (): string => {
  const { system, user } = process.cpuUsage()
  const series = [
    ["process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", process.memoryUsage.rss()],
    ["process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", (user + system) / 1e6],
    ["process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", started]
  ] as const
  return series
    .map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`)
    .join("")
}

const serve = Effect.fnUntraced(function* (place: BindAddress) {
  const driver = yield* Driver
  const scrape = Effect.map(driver.metrics, (text) =>
    plain(text + processText(), 200, "text/plain; version=0.0.4; charset=utf-8")
  )
  yield* answerHttp(place, { "GET /metrics": scrape }).pipe(
    Effect.mapError(({ cause }) => new MetricsError({ detail: String(cause) }))
  )
  yield* Effect.logInfo(`serving metrics on ${addressText(place)}`)
})

/** Serves metrics where the settings say so. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(Settings, ({ metricsBindAddress }) =>
    Option.match(metricsBindAddress, { onNone: () => Effect.void, onSome: serve })
  )
)
