/**
 * Kubeconfig files for the embedded cluster: how a program reaches it, and as whom. They are JSON, which every reader
 * of kubeconfigs takes for the YAML that it is, with everything embedded but a token that is meant to change: that lies
 * in a file of its own, which is replaced in one step, as the kubelet does it with projected tokens. Both kinds of file
 * hold secrets of a cluster that dies with its process, and are readable by their owner only.
 */
import { randomUUID } from "node:crypto"
import { rename, writeFile } from "node:fs/promises"
import { Effect, Schema } from "effect"
import type { Credential } from "./NodeAuthority.ts"

/** A file could not be written. */
export class KubeconfigError extends Schema.TaggedError<KubeconfigError>()("KubeconfigError", {
  path: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot write ${this.path}`
  }
}

/** How the user proves who it is. `tokenFile` is an absolute path that is read again and again. */
export type KubeconfigUser =
  | { readonly credential: Credential }
  | { readonly token: string }
  | { readonly tokenFile: string }

const base64 = (text: string) => Buffer.from(text).toString("base64")

const userFields = (user: KubeconfigUser) => {
  if ("token" in user) return { token: user.token }
  if ("tokenFile" in user) return { tokenFile: user.tokenFile }
  return {
    "client-certificate-data": base64(user.credential.certificate),
    "client-key-data": base64(user.credential.key)
  }
}

/** The text of a kubeconfig with one cluster, one user and one context; `authority` is PEM. */
export const kubeconfigText = (server: string, authority: string, user: KubeconfigUser): string => {
  const name = "embedded"
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server, "certificate-authority-data": base64(authority) } }],
      users: [{ name, user: userFields(user) }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
      "current-context": name
    },
    undefined,
    2
  )}\n`
}

/** Writes a secret text in one step: a reader sees the old file or the new one. */
export const replaceFile = (path: string, text: string): Effect.Effect<void, KubeconfigError> =>
  Effect.tryPromise({
    try: async () => {
      const fresh = `${path}.${randomUUID()}`
      await writeFile(fresh, text, { mode: 0o600 })
      await rename(fresh, path)
    },
    catch: (cause) => new KubeconfigError({ path, cause })
  })
