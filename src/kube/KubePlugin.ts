/**
 * A kubeconfig's credential plugin (`exec`), as client-node is to run it: with what Kubernetes promises every plugin in
 * KUBERNETES_EXEC_INFO, and by a path that is read from the kubeconfig's folder. Where a plugin fails, its own words on
 * standard error are what its user has to read, as with kubectl. What it prints on standard output is a secret and is
 * never shown.
 */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import type { Cluster } from "@kubernetes/client-node"
import { Predicate } from "effect"
import { oneLine } from "../spec/oneLine.ts"

/** What client-node hands to a plugin: the object `exec` of a user, which it types as anything. */
export type Plugin = Readonly<Record<string, unknown>>

const text = (value: unknown): string => (Predicate.isString(value) ? value : "")

const authorityOf = ({ caData, caFile }: Cluster): string | undefined =>
  caFile === undefined ? caData : readFileSync(caFile).toString("base64")

/** The cluster as `client.authentication.k8s.io` words it; `config` is what the kubeconfig's author wrote for it. */
const clusterInfo = (cluster: Cluster, config: unknown) => ({
  server: cluster.server,
  "tls-server-name": cluster.tlsServerName,
  "insecure-skip-tls-verify": cluster.skipTLSVerify || undefined,
  "certificate-authority-data": authorityOf(cluster),
  "proxy-url": cluster.proxyUrl,
  config
})

/** A plugin with what it is told of the cluster, where it asks for that (`provideClusterInfo`). */
export const pluginFor = (plugin: Plugin, cluster: Cluster, config: unknown): Plugin => {
  const told = plugin.provideClusterInfo === true ? { cluster: clusterInfo(cluster, config) } : {}
  const info = { kind: "ExecCredential", apiVersion: plugin.apiVersion, spec: { ...told, interactive: false } }
  const given = Array.isArray(plugin.env) ? plugin.env : []
  return { ...plugin, env: [...given, { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }] }
}

/** A command with a slash is a path from the kubeconfig's folder, as with kubectl. */
export const locatedPlugin = (plugin: Plugin, folder: string): Plugin =>
  text(plugin.command).includes("/") ? { ...plugin, command: resolve(folder, text(plugin.command)) } : plugin

/** A plugin says what is wrong in a few lines; one that prints for ever says the rest to nobody. */
const longestWords = 2000

const wordsOf = (error: Error): string => {
  const words = oneLine(error.message).trim()
  if (words === "") return "ended with an error and said nothing on standard error"
  return words.length <= longestWords
    ? `says: ${words}`
    : `says: ${words.slice(0, longestWords)} ... (${words.length} characters)`
}

/** What a plugin's user has to read when it failed. */
export const pluginFailure = (plugin: Plugin, cause: unknown): string => {
  const name = `the credential plugin ${JSON.stringify(text(plugin.command))}`
  if (!Predicate.isError(cause)) return `${name} failed`
  if (Predicate.hasProperty(cause, "syscall")) {
    const hint = oneLine(text(plugin.installHint))
    return `${name} cannot be run: ${cause.message}${hint === "" ? "" : `; ${hint}`}`
  }
  // The texts of these errors quote what the plugin printed.
  if (cause instanceof SyntaxError || cause instanceof TypeError)
    return `${name} printed no ExecCredential with a status`
  return `${name} ${wordsOf(cause)}`
}
