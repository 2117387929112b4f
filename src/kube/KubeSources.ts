/**
 * Which API server certlet talks to, and as whom, before a connection is made. In a pod of the DaemonSet its
 * ServiceAccount says all of it. Elsewhere client-node's KubeConfig, loaded only then, reads kubeconfigs and credential
 * plugins, and the flags overrule it. What client-node does not know is translated here: `tokenFile`, groups to
 * impersonate, what a credential plugin is told, and the proxies of the environment. Texts of errors that may hold a
 * secret go no further.
 */
import { existsSync, readFileSync, statSync } from "node:fs"
import type { RequestOptions } from "node:https"
import { dirname, join, resolve } from "node:path"
import type { Cluster, KubeConfig, User } from "@kubernetes/client-node"
import { Option, Predicate, Redacted } from "effect"
import type { KubeSettings } from "../Settings.ts"
import { type Impersonation, impersonationIn, impersonationOf, nobodyElse } from "./impersonation.ts"
import { isLargerThan } from "./isLargerThan.ts"
import { locatedPlugin, type Plugin, pluginFailure, pluginFor } from "./KubePlugin.ts"
import { asAgentsTakeIt, parseProxy, proxyFor } from "./KubeProxy.ts"
import { findServiceAccount } from "./KubeServiceAccount.ts"

type Client = typeof import("./KubeClientConfig.ts")

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

/** One API server and one user of it. */
export interface Source {
  readonly cluster: Pick<Cluster, "server" | "proxyUrl">
  /** Whom to impersonate besides the user, as headers. */
  readonly impersonation: Readonly<Record<string, string | Array<string>>>
  /** TLS and headers as they are now, and an agent where a proxy leads to the server. */
  readonly options: () => Promise<RequestOptions>
  /** The same for nobody in particular: no certificate, no token. */
  readonly nobody: () => Promise<RequestOptions>
  /** The namespace that the context names. */
  readonly namespace: Option.Option<string>
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

const readKubeconfig = ({ KubeConfig, loadYaml }: Client, file: string): Kubeconfig => {
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

/** The kubeconfigs that are named: by the flag, else by KUBECONFIG. */
const namedFiles = ({ kubeconfig }: KubeSettings): ReadonlyArray<string> =>
  Option.match(kubeconfig, {
    onNone: () => (process.env.KUBECONFIG ?? "").split(":").filter((file) => file !== ""),
    onSome: (file) => [file]
  })

/** What is named, else what client-node finds by itself: ~/.kube/config, else the pod's ServiceAccount. */
const readSources = (client: Client, settings: KubeSettings): Kubeconfig => {
  const [first, ...others] = namedFiles(settings).map((file) => readKubeconfig(client, file))
  if (first === undefined) {
    const config = new client.KubeConfig()
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

const optionsOf = async (config: KubeConfig, plugin: Option.Option<Plugin>): Promise<RequestOptions> => {
  const options: RequestOptions = {}
  try {
    await config.applyToHTTPSOptions(options)
  } catch (cause) {
    if (Option.isSome(plugin)) throw new CredentialsUnusable(pluginFailure(plugin.value, cause), false)
    throw cause
  }
  return options
}

/** What client-node makes of kubeconfigs and flags. */
const clientSource = (client: Client, settings: KubeSettings): Source => {
  const { config, impersonations, pluginConfigs } = readSources(client, settings)
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
  const configFor = (user: User) => {
    const config = new client.KubeConfig()
    config.loadFromClusterAndUser(reached, user)
    return config
  }
  const effective = configFor(Option.isNone(plugin) ? asked : { ...asked, exec: plugin.value })
  return {
    cluster: reached,
    options: () => optionsOf(effective, plugin),
    nobody: () => optionsOf(configFor({ name: "nobody" }), Option.none()),
    namespace: Option.fromUndefinedOr(config.getContextObject(config.getCurrentContext())?.namespace),
    impersonation: impersonationOf(settings, impersonations.get(user?.name ?? "") ?? nobodyElse)
  }
}

/** True where no flag, variable or file says anything of an API server: the pod's own ServiceAccount counts then. */
const saysNothing = (settings: KubeSettings): boolean => {
  const { as, certificateAuthority, clientCertificate, clientKey, cluster, context, server, tlsServerName } = settings
  const named = [as, certificateAuthority, clientCertificate, clientKey, cluster, context, server, tlsServerName]
  return (
    [...named, settings.user].every(Option.isNone) &&
    Option.isNone(settings.token) &&
    !settings.insecureSkipTlsVerify &&
    namedFiles(settings).length === 0 &&
    !existsSync(join(process.env.HOME ?? "", ".kube", "config"))
  )
}

/** The ServiceAccount of the pod that certlet runs in, where nothing else counts and no proxy leads to the server. */
const ownAccount = (settings: KubeSettings): Source | undefined => {
  const account = saysNothing(settings) ? findServiceAccount(process.env) : undefined
  if (account === undefined || proxyFor(account.server, process.env) !== undefined) return undefined
  const { options, server } = account
  return {
    cluster: { server },
    options: async () => options(),
    nobody: async () => ({ ca: options().ca }),
    namespace: Option.none(),
    impersonation: impersonationOf(settings, nobodyElse)
  }
}

/** Reads everything anew; rejects with `CredentialsUnusable`, or what a file or its YAML is wrong with. */
export const readSource = async (settings: KubeSettings): Promise<Source> =>
  ownAccount(settings) ?? clientSource(await import("./KubeClientConfig.ts"), settings)
