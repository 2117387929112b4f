/**
 * Which API server certlet talks to, and as whom, before a connection is made: client-node's KubeConfig reads
 * kubeconfigs, the pod's ServiceAccount and credential plugins, and the flags overrule it. What client-node does not
 * know is translated here: `tokenFile`, groups to impersonate, what a credential plugin is told, and the proxies of the
 * environment. Texts of errors that may hold a secret go no further.
 */
import { readFileSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { type Cluster, KubeConfig, loadYaml, type User } from "@kubernetes/client-node"
import { Option, Predicate, Redacted } from "effect"
import type { KubeSettings } from "../Settings.ts"
import { type Impersonation, impersonationIn, impersonationOf, nobodyElse } from "./impersonation.ts"
import { isLargerThan } from "./isLargerThan.ts"
import { locatedPlugin, type Plugin, pluginFor } from "./KubePlugin.ts"
import { asAgentsTakeIt, parseProxy, proxyFor } from "./KubeProxy.ts"

/** Credentials cannot be had; the text is safe to show. `lasting`: what was asked for is wrong and stays so. */
export class CredentialsUnusable {
  readonly _tag = "CredentialsUnusable"
  readonly detail: string
  readonly lasting: boolean
  constructor(detail: string, lasting: boolean) {
    this.detail = detail
    this.lasting = lasting
  }
}

const wrong = (detail: string) => new CredentialsUnusable(detail, true)

/** What client-node falls back to when it finds nothing. */
const nothingFound = "http://localhost:8080"

/**
 * The texts of errors may quote what they choke on, and that may be a secret: only what is known to be harmless is
 * shown.
 */
export const harmless = (cause: unknown, otherwise: string): string => {
  if (!Predicate.isError(cause)) return otherwise
  if (Predicate.hasProperty(cause, "code") && Predicate.hasProperty(cause, "syscall")) return cause.message
  return Predicate.hasProperty(cause, "reason") && Predicate.isString(cause.reason)
    ? `bad YAML: ${cause.reason}`
    : otherwise
}

/** One cluster and one user, as client-node takes them, and what it does not know of them. */
export interface Source {
  readonly config: KubeConfig
  readonly cluster: Cluster
  /** Whom to impersonate besides the user, as headers. */
  readonly impersonation: Readonly<Record<string, string | Array<string>>>
  readonly plugin: Option.Option<Plugin>
}

const textOf = (value: unknown, key: string): string | undefined =>
  Predicate.hasProperty(value, key) && Predicate.isString(value[key]) && value[key] !== "" ? value[key] : undefined

const isPlugin = (value: unknown): value is Plugin => Predicate.isObject(value)

const listIn = (value: unknown, key: string): ReadonlyArray<unknown> =>
  Predicate.hasProperty(value, key) && Array.isArray(value[key]) ? value[key] : []

/**
 * client-node knows a token in a file only as an auth provider of its own; kubectl's `tokenFile` is translated into it.
 */
const translated = (entry: unknown, folder: string): unknown => {
  const user = Predicate.hasProperty(entry, "user") ? entry.user : undefined
  if (!Predicate.isObject(entry) || !Predicate.isObject(user)) return entry
  const tokenFile = textOf(user, "tokenFile")
  const exec =
    Predicate.hasProperty(user, "exec") && isPlugin(user.exec) ? { exec: locatedPlugin(user.exec, folder) } : {}
  if (tokenFile === undefined) return { ...entry, user: { ...user, ...exec } }
  const provider = { name: "tokenFile", config: { tokenFile: resolve(folder, tokenFile) } }
  return { ...entry, user: { ...user, ...exec, token: undefined, "auth-provider": provider } }
}

/** What the author of a kubeconfig has written for the plugin of a cluster. */
const pluginConfigIn = (entry: unknown): unknown => {
  const cluster = Predicate.hasProperty(entry, "cluster") ? entry.cluster : undefined
  const named = listIn(cluster, "extensions").find((one) => textOf(one, "name") === "client.authentication.k8s.io/exec")
  return Predicate.hasProperty(named, "extension") ? named.extension : undefined
}

/** In bytes: thousands of clusters fit. */
const largestKubeconfig = 4 * 1024 * 1024
const mostValues = 500_000

/** What client-node keeps of a kubeconfig, and what it drops, by name. */
interface Kubeconfig {
  readonly config: KubeConfig
  readonly impersonations: ReadonlyMap<string, Impersonation>
  readonly pluginConfigs: ReadonlyMap<string, unknown>
}

const readKubeconfig = (file: string): Kubeconfig => {
  if (statSync(file).size > largestKubeconfig) throw wrong(`${file} is larger than 4 MiB`)
  const document = loadYaml<unknown>(readFileSync(file, "utf8"))
  if (isLargerThan(document, mostValues)) throw wrong(`${file} holds too much for a kubeconfig`)
  const users = listIn(document, "users")
  const config = new KubeConfig()
  const whole = Predicate.isObject(document) ? document : {}
  config.loadFromString(JSON.stringify({ ...whole, users: users.map((user) => translated(user, dirname(file))) }))
  config.makePathsAbsolute(dirname(file))
  const impersonations = users.map((entry): [string, Impersonation] => [
    textOf(entry, "name") ?? "",
    impersonationIn(Predicate.hasProperty(entry, "user") ? entry.user : undefined)
  ])
  const configs = listIn(document, "clusters").map((entry): [string, unknown] => [
    textOf(entry, "name") ?? "",
    pluginConfigIn(entry)
  ])
  return { config, impersonations: new Map(impersonations), pluginConfigs: new Map(configs) }
}

/** The flag, else KUBECONFIG, else what client-node finds by itself: ~/.kube/config, else the pod's ServiceAccount. */
const readSources = (settings: KubeSettings): Kubeconfig => {
  const named = Option.match(settings.kubeconfig, {
    onNone: () => (process.env.KUBECONFIG ?? "").split(":").filter((file) => file !== ""),
    onSome: (file) => [file]
  })
  const [first, ...others] = named.map(readKubeconfig)
  if (first === undefined) {
    const config = new KubeConfig()
    config.loadFromDefault()
    const found = config.getCurrentCluster()?.server !== nothingFound || Option.isSome(settings.server)
    if (!found)
      throw wrong("there is no kubeconfig, and this is no pod with a ServiceAccount; give --kubeconfig or --server")
    return { config, impersonations: new Map(), pluginConfigs: new Map() }
  }
  for (const other of others) first.config.mergeConfig(other.config)
  const all = [first, ...others]
  return {
    config: first.config,
    impersonations: new Map(all.flatMap(({ impersonations }) => [...impersonations])),
    pluginConfigs: new Map(all.flatMap(({ pluginConfigs }) => [...pluginConfigs]))
  }
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

/** A server and the proxy that leads to it: the kubeconfig's, else the environment's. */
const withProxy = (cluster: Cluster): Cluster => {
  const named = cluster.proxyUrl ? parseProxy(cluster.proxyUrl) : proxyFor(cluster.server, process.env)
  // The address is not quoted, because it may hold a password.
  if (cluster.proxyUrl && named === undefined)
    throw wrong("the kubeconfig's proxy-url is no address of a proxy; write one that begins with http, https or socks5")
  return named === undefined ? cluster : { ...cluster, proxyUrl: asAgentsTakeIt(named) }
}

/** What the flags name must be there: without it certlet would be somebody else, or nobody. */
const requireNamed = (config: KubeConfig, { cluster, context, user }: KubeSettings): void => {
  const named = [
    ["context", context, config.getContexts().map(({ name }) => name)],
    ["cluster", cluster, config.getClusters().map(({ name }) => name)],
    ["user", user, config.getUsers().map(({ name }) => name)]
  ] as const
  for (const [kind, name, known] of named) {
    if (Option.isNone(name) || known.includes(name.value)) continue
    const few = known.slice(0, 10).map((one) => JSON.stringify(one))
    const there = few.length === 0 ? "none" : `${few.join(", ")}${known.length > few.length ? " and more" : ""}`
    throw wrong(`the kubeconfig has no ${kind} ${JSON.stringify(name.value)} (--${kind}); it has ${there}`)
  }
}

/** Reads everything anew; throws `CredentialsUnusable`, or what a file or its YAML is wrong with. */
export const readSource = (settings: KubeSettings): Source => {
  const { config, impersonations, pluginConfigs } = readSources(settings)
  requireNamed(config, settings)
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
    throw wrong("the kubeconfig names no cluster to use; set its current-context, or give --context or --cluster")
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
    throw wrong(
      `the API server's address ${named} is not https, so a token would go in clear text; use an address with https`
    )
  }
  const asked = userWith(settings, user ?? { name: "flags" })
  const plugin = isPlugin(asked.exec)
    ? Option.some(pluginFor(asked.exec, cluster, pluginConfigs.get(named?.name ?? "")))
    : Option.none()
  const reached = withProxy(cluster)
  const effective = new KubeConfig()
  effective.loadFromClusterAndUser(reached, Option.isNone(plugin) ? asked : { ...asked, exec: plugin.value })
  return {
    config: effective,
    cluster: reached,
    plugin,
    impersonation: impersonationOf(settings, impersonations.get(user?.name ?? "") ?? nobodyElse)
  }
}
