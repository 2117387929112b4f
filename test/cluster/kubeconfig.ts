// Kubeconfig files: how a program under test reaches the control plane, and as whom. They are JSON, which every reader
// of kubeconfigs takes for the YAML it is, and name files by absolute path rather than embedding them, so that a token
// can change while a program runs. Whoever may read the control plane's folder may be anybody in the cluster: it is
// made for tests, readable by its owner only, and removed with the control plane.
import { rename, writeFile } from "node:fs/promises"
import type { Credential } from "./certificates.ts"

/** Where the API server is and who signed its certificate. */
export interface Server {
  readonly serverUrl: string
  readonly caFile: string
}

/** A bearer token in a file, for two kinds of readers. */
export interface TokenFileUser {
  readonly tokenFile: string
  /** client-go (and kubectl) read `tokenFile`; @kubernetes/client-node only knows an auth provider of that name. */
  readonly reader: "client-go" | "client-node"
}

const userFields = (user: Credential | TokenFileUser) => {
  if ("certFile" in user) return { "client-certificate": user.certFile, "client-key": user.keyFile }
  if (user.reader === "client-go") return { tokenFile: user.tokenFile }
  return { "auth-provider": { name: "tokenFile", config: { tokenFile: user.tokenFile } } }
}

/** Writes a kubeconfig with one cluster, one user and one context, and resolves with its path. */
export const writeKubeconfig = async (
  path: string,
  server: Server,
  user: Credential | TokenFileUser
): Promise<string> => {
  const name = "certlet-test"
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: server.serverUrl, "certificate-authority": server.caFile } }],
    users: [{ name, user: userFields(user) }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name
  }
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 })
  return path
}

/** Replaces a file in one step, as the kubelet does with projected tokens: a reader sees the old or the new text. */
export const replaceFile = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
