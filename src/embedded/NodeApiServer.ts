/**
 * The HTTPS face of the embedded API server, on loopback. Clients prove who they are by a certificate or a bearer
 * token, and what they may do is `EmbeddedApi`'s to say, as is what their calls mean; here are sockets, bodies and
 * lines. Everything that can go wrong with a real server can be made to go wrong on demand.
 */
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer, type Server } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import type { TLSSocket } from "node:tls"
import { Effect, Result, type Scope } from "effect"
import { type Refusal, refusal, refusalOf, statusBody } from "./ApiStatus.ts"
import type { ApiUser, Verb } from "./ApiUser.ts"
import { discovered } from "./Discovery.ts"
import type { EmbeddedApi } from "./EmbeddedApi.ts"
import type { Credential } from "./NodeAuthority.ts"
import { NodeWatches } from "./NodeWatches.ts"
import { each, type ResourceName, resources } from "./Resource.ts"
import { type Call, callOf } from "./ResourceApi.ts"
import { tableOf, wantsTable } from "./Table.ts"

/**
 * What happens at the server, for those who wait for it: a request is seen when its user is known, an answer when it
 * leaves.
 */
export type ServerEvent =
  | { readonly _tag: "Connected" }
  | { readonly _tag: "Request"; readonly verb: Verb; readonly user: string; readonly path: string }
  | { readonly _tag: "Response"; readonly verb: Verb; readonly path: string; readonly status: number }
  | { readonly _tag: "WatchOpened"; readonly resource: ResourceName }
  | { readonly _tag: "WatchClosed"; readonly resource: ResourceName }

/** Failures to come: the next `count` requests (of these verbs) get this status; 0 cuts the connection instead. */
export interface Trouble {
  readonly count: number
  readonly status: number
  readonly verbs?: ReadonlyArray<Verb>
  /** The header Retry-After: seconds or an HTTP date. */
  readonly retryAfter?: string
}

/** What a client showed to prove who it is. */
export interface Claim {
  /** The common name of a certificate that the cluster's CA has signed. */
  readonly certificate: string | undefined
  readonly token: string | undefined
}

/** What the server is made of. */
export interface ApiServerOptions {
  readonly api: EmbeddedApi
  readonly credential: Credential
  /** PEM of the CA whose clients are known. */
  readonly clientAuthority: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly userOf: (claim: Claim) => ApiUser | undefined
  readonly observe: (event: ServerEvent) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const protobufType = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

const readBody = async (request: IncomingMessage): Promise<Result.Result<unknown, Refusal>> => {
  let text = ""
  request.setEncoding("utf8")
  for await (const chunk of request) text += chunk
  try {
    return Result.succeed(text === "" ? undefined : JSON.parse(text))
  } catch {
    return Result.fail(refusal.badRequest("the object provided is unrecognized: invalid JSON"))
  }
}

const claimOf = (request: IncomingMessage): Claim => {
  // An edge: requests of an HTTPS server come over TLS sockets, which node's types do not say.
  const socket = request.socket as TLSSocket
  const common = socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined
  return {
    certificate: Array.isArray(common) ? common[0] : common,
    token: /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1]
  }
}

/** The running server. */
export class NodeApiServer {
  /** Every answer is held back for so many milliseconds. */
  latencyMillis = 0
  trouble: Trouble | undefined
  /** How a watch from before the window of history is refused. */
  expiry: "event" | "status" = "event"
  readonly watches: Readonly<Record<ResourceName, NodeWatches>>
  readonly #options: ApiServerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number

  constructor(options: ApiServerOptions) {
    this.#options = options
    this.#port = options.port
    this.watches = each((name) => new NodeWatches((event) => options.observe({ _tag: event, resource: name })))
    const { certificate, key } = options.credential
    const tls = { cert: certificate, key, ca: options.clientAuthority, requestCert: true, rejectUnauthorized: false }
    this.#server = createServer(tls, (request, response) => {
      // A client that goes away in the middle of its request is its own problem, not an unhandled rejection.
      this.#handle(request, response).catch(() => response.destroy())
    })
    // Longer than a client's own patience with idle connections, as with the real server.
    this.#server.keepAliveTimeout = 90_000
    this.#server.on("secureConnection", () => options.observe({ _tag: "Connected" }))
    this.#server.on("tlsClientError", () => undefined)
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
    })
  }

  /** Where it listens: `https://127.0.0.1:PORT`. */
  get url(): string {
    return `https://127.0.0.1:${this.#port}`
  }

  /** Starts listening, again on the same port where it did before. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1")
    await once(this.#server, "listening")
    // An edge: a TCP server's address is never a pipe's name.
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Stops listening and cuts all connections. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, "close")
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #troubleFor(verb: Verb): Trouble | undefined {
    const { trouble } = this
    if (trouble === undefined || trouble.verbs?.includes(verb) === false) return undefined
    this.trouble = trouble.count > 1 ? { ...trouble, count: trouble.count - 1 } : undefined
    return trouble
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/"
    const url = new URL(path, "https://localhost")
    const query = Object.fromEntries(url.searchParams)
    const [mediaType = ""] = (request.headers["content-type"] ?? "").split(";")
    const call = callOf(request.method ?? "", url.pathname, query, mediaType)
    const body = await readBody(request)
    const trouble = call && this.#troubleFor(call.verb)
    if (this.latencyMillis > 0) await pause(this.latencyMillis, undefined, { ref: false })
    if (trouble?.status === 0) return void request.socket.destroy()
    const user = this.#options.userOf(claimOf(request))
    if (call && user && !trouble) this.#options.observe({ _tag: "Request", verb: call.verb, user: user.name, path })
    if (user && !call && request.method === "GET" && this.#describe(url.pathname, request, response)) return
    const show = this.#showing(request, call)
    const served = trouble
      ? Result.fail(refusalOf(trouble.status, trouble.retryAfter))
      : call?.verb === "watch"
        ? this.#watch(user, call, response, show)
        : Result.flatMap(body, (object) => this.#options.api.act(user, call, object))
    if (served === undefined) return
    const { code, body: answer } = Result.isSuccess(served)
      ? { ...served.success, body: show(served.success.body) }
      : { code: served.failure.code, body: statusBody(served.failure) }
    const retryAfter = Result.isFailure(served) ? served.failure.retryAfter : undefined
    if (call) this.#options.observe({ _tag: "Response", verb: call.verb, path, status: code })
    const headers = {
      "content-type": "application/json",
      ...(retryAfter === undefined ? {} : { "retry-after": retryAfter })
    }
    response.writeHead(code, headers).end(JSON.stringify(answer))
  }

  /** Says what this server is; false where nothing is said at this path. */
  #describe(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const document = discovered(path)
    if (document === undefined) return false
    // client-go reads this one document as protobuf, whatever it is told: a Document with the version and nothing else.
    const isProtobuf = path === "/openapi/v2" && (request.headers.accept ?? "").includes("protobuf")
    const body = isProtobuf ? "\n\u00032.0" : typeof document === "string" ? document : JSON.stringify(document)
    const type = isProtobuf ? protobufType : typeof document === "string" ? "text/plain" : "application/json"
    response.writeHead(200, { "content-type": type }).end(body)
    return true
  }

  /** How a client wants objects to be written. */
  #showing(request: IncomingMessage, call: Call | undefined): (body: unknown) => unknown {
    if (call === undefined || !wantsTable(request.headers.accept ?? "")) return (body) => body
    const resource = resources[call.resource]
    return (body) => tableOf(resource, body, this.#options.now(), call.query.includeObject === "Object")
  }

  /** Undefined where a watch has taken the response. */
  #watch(
    user: ApiUser | undefined,
    call: Call,
    response: ServerResponse,
    show: (body: unknown) => unknown
  ): Result.Result<never, Refusal> | undefined {
    const watches = this.watches[call.resource]
    const granted = this.#options.api.watch(user, call)
    if (Result.isSuccess(granted)) return void watches.serve(response, granted.success, show)
    if (granted.failure.code !== 410 || this.expiry === "status") return Result.fail(granted.failure)
    return void watches.refuse(response, granted.failure)
  }
}

/** Starts a server on 127.0.0.1; the end of the scope stops it. */
export const startApiServer = (options: ApiServerOptions): Effect.Effect<NodeApiServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = new NodeApiServer(options)
      await server.listen()
      return server
    }),
    (server) =>
      Effect.promise(() => {
        for (const watches of Object.values(server.watches)) watches.close()
        return server.stop()
      })
  )
