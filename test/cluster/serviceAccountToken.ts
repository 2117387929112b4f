// A program's access to the cluster with the bearer token of a ServiceAccount: exactly the rights that RBAC objects
// give that account, and the same flow schema as a real pod. The token comes from the TokenRequest API and lies in a
// file. Each token is bound to a Secret of its own, so that `rotate` can not only write a new one but revoke the old
// one by deleting its Secret, which nothing else can do before a token's expiry. The API server remembers a good
// token for up to 10 seconds; so long a revoked one may still work.
import { join } from "node:path"
import type { KubeApi } from "./KubeApi.ts"
import { replaceFile, type Server, writeKubeconfig } from "./kubeconfig.ts"
import { type Reference, textAt } from "./objects.ts"

export interface TokenOptions {
  readonly namespace: string
  readonly serviceAccount: string
  /** Where the token is kept; a file in the control plane's folder by default. */
  readonly tokenFile?: string
  /** At least 600, which the API server insists on; 3600 by default. */
  readonly expirationSeconds?: number
}

export interface TokenAccess {
  /** A kubeconfig for client-go and kubectl. */
  readonly kubeconfig: string
  /** The same for @kubernetes/client-node, which reads a token file in a notation of its own. */
  readonly clientNodeKubeconfig: string
  readonly tokenFile: string
  /** Writes a new token into `tokenFile` in one step, then revokes the old one. */
  readonly rotate: () => Promise<void>
  /** Revokes the token that was granted last; the file stays as it is. */
  readonly revoke: () => Promise<void>
}

// Two grants for one account must share neither files nor secrets.
let grants = 0
let secrets = 0

/** Requests the first token and writes both kubeconfigs; the ServiceAccount must exist. */
export const grantToken = async (
  api: KubeApi,
  server: Server & { readonly dir: string },
  options: TokenOptions
): Promise<TokenAccess> => {
  const { namespace, serviceAccount } = options
  const path = join(server.dir, `${namespace}-${serviceAccount}-${++grants}`)
  const tokenFile = options.tokenFile ?? `${path}.token`
  let bound: Reference | undefined

  const revoke = async () => {
    const old = bound
    bound = undefined
    if (old !== undefined) await api.delete(old)
  }

  const rotate = async () => {
    const name = `${serviceAccount}-token-${++secrets}`
    const old = bound
    bound = { apiVersion: "v1", kind: "Secret", namespace, name }
    const secret = await api.create({ apiVersion: "v1", kind: "Secret", metadata: { namespace, name } })
    const account = await api.pathOf({ apiVersion: "v1", kind: "ServiceAccount", namespace, name: serviceAccount })
    const answer = await api.request("POST", `${account}/token`, {
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          expirationSeconds: options.expirationSeconds ?? 3600,
          boundObjectRef: { apiVersion: "v1", kind: "Secret", name, uid: secret.metadata.uid }
        }
      }
    })
    const token = textAt(answer, "status", "token")
    if (token === undefined) throw new Error(`no token in the answer for ${namespace}/${serviceAccount}`)
    await replaceFile(tokenFile, token)
    if (old !== undefined) await api.delete(old)
  }

  await rotate()
  return {
    kubeconfig: await writeKubeconfig(`${path}.kubeconfig`, server, { tokenFile, reader: "client-go" }),
    clientNodeKubeconfig: await writeKubeconfig(`${path}.client-node.kubeconfig`, server, {
      tokenFile,
      reader: "client-node"
    }),
    tokenFile,
    rotate,
    revoke
  }
}
