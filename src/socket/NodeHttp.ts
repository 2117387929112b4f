/**
 * How certlet answers over HTTP, at a port or at a unix socket: a few fixed routes, and a sentence for everything
 * else. It stands behind the doors for probes, for scrapers and for the operator. A client can hold only so many
 * connections, and only for so long before it has asked. When the scope closes, answers that are still being waited
 * for are cut off, because whoever asks here asks again. What kills a handler stands in the log and not in the answer.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Option, type Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import type { ServeError } from "effect/http/HttpServerError"
import type { BindAddress } from "../Settings.ts"

/** Where to listen: at an address, or at the path of a unix socket. */
export type HttpPlace = BindAddress | { readonly path: string }

/**
 * The place as Node takes it. Without a host Node listens at `::`, and at `0.0.0.0` where the kernel has no IPv6; an
 * address that is named is that address or nothing.
 */
const listenAt = (place: HttpPlace) =>
  "path" in place
    ? place
    : Option.match(place.host, { onNone: () => ({ port: place.port }), onSome: (host) => ({ host, port: place.port }) })

/** An address as people write it. */
export const addressText = ({ host, port }: BindAddress): string =>
  `${Option.match(host, { onNone: () => "", onSome: (name) => (name.includes(":") ? `[${name}]` : name) })}:${port}`

/** What is answered to a method and a path: `GET /metrics`. */
export type Routes = Readonly<
  Record<string, Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>>
>

/** What clients may take of a door. */
export interface HttpLimits {
  /** Connections at once; further ones are closed. */
  readonly connections: number
  /** How long a request may take to arrive whole; how long the answer takes is the handler's matter. */
  readonly arrivalMillis: number
}

/** A kubelet and some scrapers need a few connections; a client that only holds them shall not take every open file. */
const usualLimits: HttpLimits = { connections: 128, arrivalMillis: 10_000 }

/** A plain text that nobody keeps. */
export const plain = (text: string, status = 200, contentType = "text/plain; charset=utf-8") =>
  HttpServerResponse.text(text, { status, contentType, headers: { "cache-control": "no-store" } })

/** Answers until the scope closes. */
export const answerHttp = Effect.fnUntraced(
  function* (
    place: HttpPlace,
    routes: Routes,
    limits: HttpLimits = usualLimits
  ): Effect.fn.Return<void, ServeError, Scope.Scope> {
    const server = createServer({
      headersTimeout: limits.arrivalMillis,
      requestTimeout: limits.arrivalMillis,
      connectionsCheckingInterval: limits.arrivalMillis
    })
    server.maxConnections = limits.connections
    const listening = yield* NodeHttpServer.make(() => server, listenAt(place))
    const elsewhere = Effect.succeed(plain(`here is only ${Object.keys(routes).join(" and ")}\n`, 404))
    const handle = Effect.gen(function* () {
      const { method, url } = yield* HttpServerRequest.HttpServerRequest
      // Whoever asks for the head alone is answered as to a GET; Node sends no body with it.
      return yield* routes[`${method === "HEAD" ? "GET" : method} ${url.split("?")[0]}`] ?? elsewhere
    }).pipe(
      Effect.interruptible,
      Effect.tapDefect((defect) => Effect.logError("an answer over HTTP died", defect)),
      Effect.catchDefect(() => Effect.succeed(plain("see certlet's log\n", 500)))
    )
    yield* listening.serve(handle)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
    )
  },
  Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true)
)
