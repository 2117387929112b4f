/**
 * The door for scrapers: `GET /metrics` at `--metrics-bind-address` answers what the driver says of itself. It listens only where
 * the settings name an address, and an address that cannot be had stops the process at once, because a node that silently
 * goes unwatched is worse than one that does not start.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { Driver } from "./driver/Driver.ts"
import { answerHttp, plain } from "./NodeHttp.ts"
import { Settings } from "./Settings.ts"

/** The address for metrics cannot be had. */
export class MetricsError extends Schema.TaggedError<MetricsError>()("MetricsError", { detail: Schema.String }) {
  override get message(): string {
    return `--metrics-bind-address: ${this.detail}`
  }
}

const serve = Effect.fnUntraced(function* (host: string, port: number) {
  const driver = yield* Driver
  const scrape = Effect.map(driver.metrics, (text) => plain(text, 200, "text/plain; version=0.0.4; charset=utf-8"))
  yield* answerHttp({ host, port }, { "GET /metrics": scrape }).pipe(
    Effect.mapError(({ cause }) => new MetricsError({ detail: String(cause) }))
  )
  yield* Effect.logInfo(`serving metrics on ${host}:${port}`)
})

/** Serves metrics where the settings say so. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(Settings, ({ metricsBindAddress }) =>
    Option.match(metricsBindAddress, { onNone: () => Effect.void, onSome: ({ host, port }) => serve(host, port) })
  )
)
