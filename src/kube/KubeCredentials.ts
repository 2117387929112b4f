/**
 * How certlet reaches the API server, and as whom: client-node's KubeConfig reads kubeconfigs, the pod's ServiceAccount
 * and credential plugins, and the flags overrule it. The connections are our own: client-node's request path makes a
 * new dispatcher for every call, and so a TLS handshake, whereas one agent with keep-alive serves all of ours.
 * Credentials that rotate on disk are read again once a minute and at every 401; where nothing has changed the agent
 * stays the same.
 */
import { readFileSync, statSync } from "node:fs"
import { Agent as HttpAgent } from "node:http"
import { Agent as HttpsAgent, type RequestOptions } from "node:https"
import { dirname, resolve } from "node:path"
import { type Cluster, KubeConfig, loadYaml, type User } from "@kubernetes/client-node"
import { Clock, Effect, Option, Predicate, Redacted, Semaphore } from "effect"
import type { KubeSettings } from "../Settings.ts"
import { isLargerThan } from "./isLargerThan.ts"

/** One way to the API server. Headers hold secrets: they go into requests and nowhere else. */
export interface Connection {
  readonly server: string
  readonly agent: HttpAgent
  readonly headers: Readonly<Record<string, string | Array<string>>>
  /** Connections without a client certificate: over them a bearer token of somebody else is who we are. */
  readonly anonymous: HttpAgent
}

/** Credentials cannot be had; the text is safe to show. */
class CredentialsUnusable {
  readonly _tag = "CredentialsUnusable"
  readonly detail: string
  constructor(detail: string) {
    this.detail = detail
  }
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

/** What client-node falls back to when it finds nothing. */
const nothingFound = "http://localhost:8080"

type Transport = Pick<
  RequestOptions,
  "ca" | "cert" | "key" | "pfx" | "passphrase" | "rejectUnauthorized" | "servername"
>

/**
 * The texts of errors may quote what they choke on, and that may be a secret: only what is known to be harmless is
 * shown.
 */
const harmless = (cause: unknown, otherwise: string): string => {
  if (!Predicate.isError(cause)) return otherwise
  if (Predicate.hasProperty(cause, "code") && Predicate.hasProperty(cause, "syscall")) return cause.message
  return Predicate.hasProperty(cause, "reason") && Predicate.isString(cause.reason)
    ? `bad YAML: ${cause.reason}`
    : otherwise
}

interface Loaded {
  readonly config: KubeConfig
  readonly groups: ReadonlyArray<string>
}

const textOf = (value: unknown, key: string): string | undefined =>
  Predicate.hasProperty(value, key) && Predicate.isString(value[key]) && value[key] !== "" ? value[key] : undefined

const textsOf = (value: unknown, key: string): ReadonlyArray<string> =>
  Predicate.hasProperty(value, key) && Array.isArray(value[key]) ? value[key].filter(Predicate.isString) : []

/**
 * client-node knows a token in a file only as an auth provider of its own; kubectl's `tokenFile` is translated into it.
 */
const translated = (entry: unknown, folder: string): unknown => {
  const user = Predicate.hasProperty(entry, "user") ? entry.user : undefined
  const tokenFile = textOf(user, "tokenFile")
  if (!Predicate.isObject(entry) || !Predicate.isObject(user) || tokenFile === undefined) return entry
  const provider = { name: "tokenFile", config: { tokenFile: resolve(folder, tokenFile) } }
  return { ...entry, user: { ...user, token: undefined, "auth-provider": provider } }
}

/** In bytes: thousands of clusters fit. */
const largestKubeconfig = 4 * 1024 * 1024
const mostValues = 500_000

const readKubeconfig = (
  file: string
): { readonly config: KubeConfig; readonly groups: ReadonlyMap<string, ReadonlyArray<string>> } => {
  if (statSync(file).size > largestKubeconfig) throw new CredentialsUnusable(`${file} is larger than 4 MiB`)
  const document = loadYaml<unknown>(readFileSync(file, "utf8"))
  if (isLargerThan(document, mostValues)) throw new CredentialsUnusable(`${file} holds too much for a kubeconfig`)
  const users = Predicate.hasProperty(document, "users") && Array.isArray(document.users) ? document.users : []
  const config = new KubeConfig()
  const whole = Predicate.isObject(document) ? document : {}
  config.loadFromString(JSON.stringify({ ...whole, users: users.map((user) => translated(user, dirname(file))) }))
  config.makePathsAbsolute(dirname(file))
  const groups = users.map((entry): [string, ReadonlyArray<string>] => [
    textOf(entry, "name") ?? "",
    textsOf(Predicate.hasProperty(entry, "user") ? entry.user : undefined, "as-groups")
  ])
  return { config, groups: new Map(groups) }
}

/** The flag, else KUBECONFIG, else what client-node finds by itself: ~/.kube/config, else the pod's ServiceAccount. */
const readSources = (settings: KubeSettings) => {
  const named = Option.match(settings.kubeconfig, {
    onNone: () => (process.env.KUBECONFIG ?? "").split(":").filter((path) => path !== ""),
    onSome: (file) => [file]
  })
  const [first, ...others] = named.map(readKubeconfig)
  if (first === undefined) {
    const config = new KubeConfig()
    config.loadFromDefault()
    const found = config.getCurrentCluster()?.server !== nothingFound || Option.isSome(settings.server)
    if (!found) throw new CredentialsUnusable("there is no kubeconfig, and this is no pod with a ServiceAccount")
    return { config, groups: new Map<string, ReadonlyArray<string>>() }
  }
  for (const other of others) first.config.mergeConfig(other.config)
  return { config: first.config, groups: new Map([first, ...others].flatMap((source) => [...source.groups])) }
}

const some = <K extends string, A>(key: K, value: Option.Option<A>): { readonly [k in K]?: A } =>
  // An edge: TypeScript cannot see that a computed key of type K makes an object with that key.
  Option.isSome(value) ? ({ [key]: value.value } as { readonly [k in K]?: A }) : {}

const userWith = (settings: KubeSettings, user: User): User => {
  const token = Option.map(settings.token, Redacted.value)
  const { authProvider: _, exec: __, ...plain } = user
  return {
    // A token on the command line replaces every other way to get one.
    ...(Option.isSome(token) ? { ...plain, token: token.value } : user),
    ...some("certFile", settings.clientCertificate),
    ...some("keyFile", settings.clientKey),
    ...some("impersonateUser", settings.as)
  }
}

const load = (settings: KubeSettings): Loaded => {
  const { config, groups } = readSources(settings)
  if (Option.isSome(settings.context)) config.setCurrentContext(settings.context.value)
  const named = Option.match(settings.cluster, {
    onNone: () => config.getCurrentCluster(),
    onSome: (name) => config.getCluster(name)
  })
  const user = Option.match(settings.user, {
    onNone: () => config.getCurrentUser(),
    onSome: (name) => config.getUser(name)
  })
  if (named === null && Option.isNone(settings.server))
    throw new CredentialsUnusable("the kubeconfig names no such cluster")
  const cluster: Cluster = {
    name: "flags",
    server: "",
    skipTLSVerify: false,
    ...named,
    ...some("server", settings.server),
    ...some("caFile", settings.certificateAuthority),
    ...some("tlsServerName", settings.tlsServerName),
    ...(settings.insecureSkipTlsVerify ? { skipTLSVerify: true } : {})
  }
  if (cluster.server.startsWith("http:") && !cluster.skipTLSVerify) {
    const named = JSON.stringify(cluster.server)
    throw new CredentialsUnusable(
      `the API server's address ${named} is not https, so a token would go in clear text; use an address with https`
    )
  }
  const effective = new KubeConfig()
  effective.loadFromClusterAndUser(cluster, userWith(settings, user ?? { name: "flags" }))
  return {
    config: effective,
    groups: settings.asGroup.length > 0 ? settings.asGroup : (groups.get(user?.name ?? "") ?? [])
  }
}

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
const fingerprint = (server: string, transport: Transport) =>
  JSON.stringify([
    server,
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
  readonly loaded: Loaded
  readonly fingerprint: string
  readonly connection: Connection
  readonly readAt: number
}

const headersOf = (options: RequestOptions, groups: ReadonlyArray<string>): Connection["headers"] => {
  const headers: Record<string, string | Array<string>> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // Token files end in a line break more often than not.
    if (Predicate.isString(value)) headers[name.toLowerCase()] = value.trim()
  }
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString("base64")}`
  return groups.length === 0 ? headers : { ...headers, "impersonate-group": [...groups] }
}

const connect = async (loaded: Loaded, before: Current | undefined, now: number): Promise<Current> => {
  const options: RequestOptions = {}
  await loaded.config.applyToHTTPSOptions(options)
  const cluster = loaded.config.getCurrentCluster()
  const server = cluster?.server.replace(/\/$/, "") ?? ""
  const transport = transportOf(options)
  const print = fingerprint(server, transport)
  const headers = headersOf(options, loaded.groups)
  if (before?.fingerprint === print) {
    return { loaded, fingerprint: print, readAt: now, connection: { ...before.connection, headers } }
  }
  const { cert, key, pfx, passphrase, ...nameless } = transport
  const identified = cert !== undefined || pfx !== undefined
  // Through a proxy client-node's own agent goes, which knows how.
  const proxied = cluster?.proxyUrl !== undefined && options.agent instanceof HttpAgent ? options.agent : undefined
  const agent = proxied ?? newAgent(server, transport)
  const anonymous = identified && proxied === undefined ? newAgent(server, nameless) : agent
  if (before !== undefined) [before.connection.agent, before.connection.anonymous].forEach(retire)
  return { loaded, fingerprint: print, readAt: now, connection: { server, agent, anonymous, headers } }
}

/** The credentials of this process. */
export interface KubeCredentials {
  /** The connection to use now. */
  readonly current: Effect.Effect<Connection, CredentialsUnusable>
  /** The server has refused this connection: everything is read anew, unless somebody else has done so already. */
  readonly renew: (refused: Connection) => Effect.Effect<Connection, CredentialsUnusable>
}

/** Credentials for these settings; nothing is read before they are first asked for. */
export const makeCredentials = Effect.fnUntraced(function* (settings: KubeSettings): Effect.fn.Return<KubeCredentials> {
  const one = yield* Semaphore.make(1)
  let current: Current | undefined

  const read = (anew: boolean) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.tryPromise({
        try: async () => {
          const loaded = anew || current === undefined ? load(settings) : current.loaded
          current = await connect(loaded, current, now)
          return current.connection
        },
        catch: (cause) =>
          cause instanceof CredentialsUnusable
            ? cause
            : new CredentialsUnusable(
                `credentials cannot be read: ${harmless(cause, "they are damaged or incomplete")}`
              )
      })
    )
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
