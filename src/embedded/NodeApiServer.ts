/**
 * A Kubernetes API server in a socket: HTTPS on loopback, and of the whole API CertificateRequests and what certlet looks at beside them, with the semantics
 * that a client depends on (versions, selectors, paged lists, watches, preconditions, refusals as `Status`). Clients prove
 * who they are by a certificate or a bearer token, and may do what their user may do; what certlet is not allowed to do in a
 * real cluster it cannot do here either. Everything that can go wrong with a real server can be made to go wrong on demand.
 */
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer, type Server } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import type { TLSSocket } from "node:tls"
import { Effect, Result, type Scope } from "effect"
import { type Refusal, refusal, refusalOf, statusBody } from "./ApiStatus.ts"
import type { Credential } from "./NodeAuthority.ts"
import { NodeWatches } from "./NodeWatches.ts"
import type { ObjectStore } from "./ObjectStore.ts"
import { type ResourceName, resources } from "./Resource.ts"
import { type Answer, type Call, callOf, ResourceApi, type Verb } from "./ResourceApi.ts"
import { selector } from "./Selector.ts"

/** Who a client is, and what it may do; `namespace` confines it to one. */
export interface ApiUser {
  readonly name: string
  readonly verbs: Readonly<Partial<Record<ResourceName, ReadonlyArray<Verb>>>>
  readonly namespace?: string
}

/** What happens at the server, for those who wait for it: a request is seen when its user is known, an answer when it leaves. */
export type ServerEvent =
  | { readonly _tag: "Connected" }
  | { readonly _tag: "Request"; readonly verb: Verb; readonly user: string; readonly path: string }
  | { readonly _tag: "Answer"; readonly verb: Verb; readonly path: string; readonly status: number }
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

/** The objects of every resource. */
export type Stores = Readonly<Record<ResourceName, ObjectStore>>

/** What the server is made of. */
export interface ApiServerOptions {
  readonly stores: Stores
  readonly credential: Credential
  /** PEM of the CA whose clients are known. */
  readonly clientAuthority: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly userOf: (claim: Claim) => ApiUser | undefined
  readonly observe: (event: ServerEvent) => void
}

/** One of these for each resource. */
export const each = <A>(make: (name: ResourceName) => A): Readonly<Record<ResourceName, A>> => ({
  requests: make("requests"),
  pods: make("pods"),
  configMaps: make("configMaps"),
  clusterTrustBundles: make("clusterTrustBundles")
})

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
  readonly watches: Readonly<Record<ResourceName, NodeWatches>>
  readonly #options: ApiServerOptions
  readonly #apis: Readonly<Record<ResourceName, ResourceApi>>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number

  constructor(options: ApiServerOptions) {
    this.#options = options
    this.#port = options.port
    const { stores } = options
    this.#apis = each((name) => new ResourceApi(resources[name], stores[name]))
    this.watches = each(
      (name) =>
        new NodeWatches(resources[name], stores[name], (event) => options.observe({ _tag: event, resource: name }))
    )
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
    const call = callOf(request.method ?? "", path)
    const body = await readBody(request)
    const trouble = call && this.#troubleFor(call.verb)
    if (this.latencyMillis > 0) await pause(this.latencyMillis, undefined, { ref: false })
    if (trouble?.status === 0) return void request.socket.destroy()
    const answered: Result.Result<Answer, Refusal> | undefined = trouble
      ? Result.fail(refusalOf(trouble.status, trouble.retryAfter))
      : call === undefined
        ? Result.fail(refusal.noSuchPath)
        : this.#answer(call, path, request, response, body)
    if (answered === undefined) return
    const { code, body: answer } = Result.isSuccess(answered)
      ? answered.success
      : { code: answered.failure.code, body: statusBody(answered.failure) }
    const retryAfter = Result.isFailure(answered) ? answered.failure.retryAfter : undefined
    if (call) this.#options.observe({ _tag: "Answer", verb: call.verb, path, status: code })
    const headers = {
      "content-type": "application/json",
      ...(retryAfter === undefined ? {} : { "retry-after": retryAfter })
    }
    response.writeHead(code, headers).end(JSON.stringify(answer))
  }

  /** The answer, or undefined where a watch has taken the response. */
  #answer(
    call: Call,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: Result.Result<unknown, Refusal>
  ) {
    const user = this.#options.userOf(claimOf(request))
    if (user === undefined) return Result.fail(refusal.unauthorized)
    this.#options.observe({ _tag: "Request", verb: call.verb, user: user.name, path })
    const outside = user.namespace !== undefined && user.namespace !== call.namespace
    if (outside || !(user.verbs[call.resource] ?? []).includes(call.verb)) {
      return Result.fail(refusal.forbidden(user.name, call.verb, resources[call.resource].qualified))
    }
    if (call.verb === "watch") return this.#watch(call, response)
    return Result.flatMap(body, (_) => this.#apis[call.resource].act(call, user.name, _))
  }

  #watch(call: Call, response: ServerResponse): Result.Result<never, Refusal> | undefined {
    const chosen = selector(call.query.get("labelSelector"), call.query.get("fieldSelector"))
    if (Result.isFailure(chosen)) return Result.fail(chosen.failure)
    const refused = this.watches[call.resource].open(response, {
      selector: (_) => (call.namespace === undefined || _.metadata.namespace === call.namespace) && chosen.success(_),
      resourceVersion: call.query.get("resourceVersion") || "0",
      bookmarks: call.query.get("allowWatchBookmarks") === "true",
      timeoutSeconds: Number(call.query.get("timeoutSeconds") ?? 0)
    })
    return refused === undefined ? undefined : Result.fail(refused)
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
