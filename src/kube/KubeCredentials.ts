/**
 * The connections to the API server, and as whom certlet speaks over them. They are our own: client-node's request path
 * makes a new dispatcher for every call, and so a TLS handshake, whereas one agent with keep-alive serves all of ours.
 * What goes in a pod's name goes over connections of its own, so that no certificate of ours goes with it. Credentials
 * that rotate on disk are read again once a minute and at every 401; where nothing has changed the agent stays the
 * same.
 */
import { Agent as HttpAgent } from "node:http"
import { Agent as HttpsAgent, type RequestOptions } from "node:https"
import { Clock, Effect, type Option, Predicate, Semaphore } from "effect"
import type { KubeSettings } from "../Settings.ts"
import { identityText } from "./KubeIdentity.ts"
import { CredentialsUnusable, harmless, readSource, type Source } from "./KubeSources.ts"

/** One way to the API server. Headers hold secrets: they go into requests and nowhere else. */
export interface Connection {
  readonly server: string
  readonly agent: HttpAgent
  readonly headers: Readonly<Record<string, string | Array<string>>>
  /** Who we are, in words. */
  readonly identity: string
  /** The namespace that the kubeconfig's context names. */
  readonly namespace: Option.Option<string>
  /** Connections without a client certificate: over them a bearer token of somebody else is who we are. */
  readonly anonymous: HttpAgent
}

/** A little more than the time for which client-node itself trusts a token that it has read from a file. */
const freshMillis = 61_000

/**
 * Enough for a herd of publishes: where the server is busy and slow, calls that queue here for a connection cost more
 * than the handshakes do (with 16 connections 50 publishes at once took a third longer against a real server on two
 * cores).
 */
const maxSockets = 64

/** Shorter than the server's own patience (90 s), so that a connection is rarely closed under a call's feet. */
const idleMillis = 60_000

/** Probes of an idle connection begin after this time: a peer that died in silence is noticed within half a minute. */
export const keepAliveMillis = 15_000

type Transport = Pick<
  RequestOptions,
  "ca" | "cert" | "key" | "pfx" | "passphrase" | "rejectUnauthorized" | "servername"
>

const transportOf = (options: RequestOptions): Transport => ({
  ca: options.ca,
  cert: options.cert,
  key: options.key,
  pfx: options.pfx,
  passphrase: options.passphrase,
  servername: options.servername,
  ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized })
})

/** Equal for transports that authenticate alike: their content, not their identity. */
const fingerprint = (server: string, proxy: string | undefined, transport: Transport) =>
  JSON.stringify([
    server,
    proxy ?? null,
    ...Object.values(transport).map((part) => (Buffer.isBuffer(part) ? part.toString("base64") : (part ?? null)))
  ])

const newAgent = (server: string, transport: Transport): HttpAgent => {
  const options = { keepAlive: true, keepAliveMsecs: keepAliveMillis, timeout: idleMillis, maxSockets }
  return server.startsWith("http:") ? new HttpAgent(options) : new HttpsAgent({ ...options, ...transport })
}

/** Lets an agent's calls in flight end, and takes no further ones over its connections. */
const retire = (agent: HttpAgent): void => {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

interface Current {
  readonly source: Source
  readonly fingerprint: string
  readonly connection: Connection
  readonly readAt: number
}

const headersOf = (options: RequestOptions, { impersonation }: Source): Connection["headers"] => {
  const headers: Record<string, string | Array<string>> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // Token files end in a line break more often than not.
    if (Predicate.isString(value)) headers[name.toLowerCase()] = value.trim()
  }
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString("base64")}`
  return { ...headers, ...impersonation }
}

/** Through a proxy client-node's own agent goes, which knows how. */
const proxyAgent = ({ agent }: RequestOptions): HttpAgent => {
  if (!(agent instanceof HttpAgent)) throw new CredentialsUnusable("the kubeconfig's proxy-url cannot be used", true)
  return agent
}

/** Agents for us, and for whoever's bearer token goes over them: over those no certificate of ours may go. */
const agentsFor = async ({ cluster, nobody }: Source, options: RequestOptions, server: string) => {
  const transport = transportOf(options)
  const { cert, key, pfx, passphrase, ...nameless } = transport
  const identified = cert !== undefined || pfx !== undefined
  if (cluster.proxyUrl === undefined) {
    const agent = newAgent(server, transport)
    return { agent, anonymous: identified ? newAgent(server, nameless) : agent }
  }
  const agent = proxyAgent(options)
  if (!identified) return { agent, anonymous: agent }
  return { agent, anonymous: proxyAgent(await nobody()) }
}

const connect = async (source: Source, before: Current | undefined, now: number): Promise<Current> => {
  const options = await source.options()
  const server = source.cluster.server.replace(/\/$/, "")
  const print = fingerprint(server, source.cluster.proxyUrl, transportOf(options))
  const headers = headersOf(options, source)
  const identity = identityText(options, headers)
  if (before?.fingerprint === print) {
    return { source, fingerprint: print, readAt: now, connection: { ...before.connection, headers, identity } }
  }
  const agents = await agentsFor(source, options, server)
  if (before !== undefined) [before.connection.agent, before.connection.anonymous].forEach(retire)
  return {
    source,
    fingerprint: print,
    readAt: now,
    connection: { server, ...agents, headers, identity, namespace: source.namespace }
  }
}

/** The credentials of this process. */
export interface KubeCredentials {
  /** The connection to use now. */
  readonly current: Effect.Effect<Connection, CredentialsUnusable>
  /** The server has refused this connection: everything is read again, unless somebody else has done so already. */
  readonly renew: (refused: Connection) => Effect.Effect<Connection, CredentialsUnusable>
}

const unusable =
  (lasting: boolean) =>
  (cause: unknown): CredentialsUnusable =>
    cause instanceof CredentialsUnusable
      ? cause
      : new CredentialsUnusable(
          `credentials cannot be read: ${harmless(cause, "they are damaged or incomplete")}`,
          lasting
        )

/** Credentials for these settings; nothing is read before they are first asked for. */
export const makeCredentials = Effect.fnUntraced(function* (settings: KubeSettings): Effect.fn.Return<KubeCredentials> {
  const one = yield* Semaphore.make(1)
  let current: Current | undefined

  const read = Effect.fnUntraced(function* (again: boolean) {
    const now = yield* Clock.currentTimeMillis
    const source =
      again || current === undefined
        ? yield* Effect.tryPromise({ try: () => readSource(settings), catch: unusable(true) })
        : current.source
    const next = yield* Effect.tryPromise({ try: () => connect(source, current, now), catch: unusable(false) })
    current = next
    return next.connection
  })
  const fresh = Effect.map(Clock.currentTimeMillis, (now) =>
    current !== undefined && now - current.readAt < freshMillis ? current.connection : undefined
  )
  const refresh = Effect.suspend(() => {
    if (current === undefined) return read(true)
    const { connection } = current
    // A file that is being replaced at this moment is no reason to fail: what is at hand may still be good.
    return Effect.catch(read(false), () => Effect.succeed(connection))
  })
  const ensure = Effect.flatMap(fresh, (known) => (known === undefined ? refresh : Effect.succeed(known)))
  return {
    current: Effect.flatMap(fresh, (known) => (known === undefined ? one.withPermit(ensure) : Effect.succeed(known))),
    renew: (refused) =>
      one.withPermit(
        Effect.suspend(() =>
          current !== undefined && current.connection !== refused ? Effect.succeed(current.connection) : read(true)
        )
      )
  }
})

/**
 * Attempts something over the connection of now, and once more where the server does not know who we are: a token that
 * has been rotated on disk is refused by the server before we have looked at the file again.
 */
export const tryConnection = <A, E, R>(
  credentials: KubeCredentials,
  attempt: (connection: Connection) => Effect.Effect<A, E, R>,
  isStale: (error: E) => boolean
): Effect.Effect<A, E | CredentialsUnusable, R> =>
  Effect.flatMap(credentials.current, (connection) =>
    Effect.catchIf(attempt(connection), isStale, () => Effect.flatMap(credentials.renew(connection), attempt))
  )

/** Where the API server is and who we are to it, by what is there now. */
export const identify = Effect.fnUntraced(function* (settings: KubeSettings) {
  const { current } = yield* makeCredentials(settings)
  const { identity, server } = yield* current
  return { identity, server }
})
