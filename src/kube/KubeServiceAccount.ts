/**
 * The ServiceAccount of certlet's own pod, as the kubelet mounts it: where the API server is, whose certificates it
 * shows, and the token that says who certlet is. Token and CA rotate on disk, so they are read whenever they are asked
 * for.
 */
import { existsSync, readFileSync } from "node:fs"
import type { RequestOptions } from "node:https"
import { isIPv6 } from "node:net"
import { join } from "node:path"

/** Where the kubelet mounts it. */
const mountedAt = "/var/run/secrets/kubernetes.io/serviceaccount"

/** A way to the API server without a kubeconfig. */
export interface ServiceAccount {
  /** `https://HOST:PORT`. */
  readonly server: string
  /** Reads the files; throws where one cannot be read. */
  readonly options: () => RequestOptions
}

/** The ServiceAccount of a process with this environment; undefined where it runs in no pod, or in one without. */
export const findServiceAccount = (
  environment: Readonly<Record<string, string | undefined>>,
  folder = mountedAt
): ServiceAccount | undefined => {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = environment
  const token = join(folder, "token")
  if (host === "" || port === "" || !existsSync(token)) return undefined
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    options: () => ({
      ca: readFileSync(join(folder, "ca.crt")),
      headers: { authorization: `Bearer ${readFileSync(token, "utf8").trim()}` }
    })
  }
}
