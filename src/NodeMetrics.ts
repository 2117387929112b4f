/**
 * The door for scrapers: a plain HTTP server at `--metrics-bind-address` that answers `GET /metrics` with what the driver says of
 * itself, and everything else with 404. It listens only where the settings name an address, and an address that cannot be had
 * stops the process at once, because a node that silently goes unwatched is worse than one that does not start.
 */
import { createServer, type Server, type ServerResponse } from "node:http"
import { Effect, Layer, Option, Schema } from "effect"
import { Driver } from "./driver/Driver.ts"
import { Settings } from "./Settings.ts"

/** The address for metrics cannot be had. */
export class MetricsError extends Schema.TaggedError<MetricsError>()("MetricsError", { detail: Schema.String }) {
  override get message(): string {
    return `--metrics-bind-address: ${this.detail}`
  }
}

const answer = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8" })
  response.end(text)
}

const listen = (server: Server, host: string, port: number): Effect.Effect<Server, MetricsError> =>
  Effect.callback((resume) => {
    server.once("error", ({ message }) => resume(Effect.fail(new MetricsError({ detail: message }))))
    server.listen(port, host, () => resume(Effect.succeed(server)))
  })

const serve = Effect.fnUntraced(function* (host: string, port: number) {
  const driver = yield* Driver
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const scrape = (response: ServerResponse) =>
    driver.metrics.pipe(
      Effect.tap((text) => Effect.sync(() => answer(response, 200, text))),
      Effect.tapDefect((defect) => Effect.logError("a scrape died", defect)),
      Effect.onError(() => Effect.sync(() => answer(response, 500, "see certlet's log\n")))
    )
  const server = createServer((request, response) => {
    if (request.method === "GET" && request.url?.split("?")[0] === "/metrics") run(scrape(response))
    else answer(response, 404, "only /metrics is here\n")
  })
  yield* Effect.acquireRelease(listen(server, host, port), (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  )
  yield* Effect.logInfo(`serving metrics on ${host}:${port}`)
})

/** Serves metrics where the settings say so. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(Settings, ({ metricsBindAddress }) =>
    Option.match(metricsBindAddress, { onNone: () => Effect.void, onSome: ({ host, port }) => serve(host, port) })
  )
)
