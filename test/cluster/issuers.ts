// Issuers of the real cert-manager for tests, each ready to sign when its function resolves. A CA issuer gets an
// authority of its own, made by openssl, and hands out the path of its certificate so that a test can verify what was
// issued. The secret of a namespaced issuer lies in its namespace, that of a ClusterIssuer in the cluster resource
// namespace, as in a real cluster.
import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { type KeyAlgorithm, makeAuthority } from "./certificates.ts"
import type { KubeApi } from "./KubeApi.ts"
import { conditionOf, type Manifest, referenceTo } from "./objects.ts"
import type { Program } from "./Program.ts"

/** The `spec.issuerRef` of a CertificateRequest. */
export interface IssuerRef {
  readonly name: string
  readonly kind: "Issuer" | "ClusterIssuer"
  readonly group: "cert-manager.io"
}

/** With a namespace an Issuer, without one a ClusterIssuer. */
export interface IssuerOptions {
  readonly name: string
  readonly namespace?: string
}

export interface CaIssuerOptions extends IssuerOptions {
  /** The authority's key; ECDSA (P-256) by default. */
  readonly algorithm?: KeyAlgorithm
}

export interface CaIssuer {
  readonly ref: IssuerRef
  /** The authority's certificate (PEM). */
  readonly caFile: string
}

/** What this module needs of a control plane. */
export interface IssuerHost {
  readonly api: KubeApi
  readonly dir: string
  readonly certManager: Program
  readonly clusterResourceNamespace: string
}

const readyLimitMilliseconds = 30_000

const createIssuer = async (host: IssuerHost, options: IssuerOptions, spec: unknown): Promise<IssuerRef> => {
  const { name, namespace } = options
  const kind = namespace === undefined ? "ClusterIssuer" : "Issuer"
  const metadata = namespace === undefined ? { name } : { name, namespace }
  const issuer: Manifest = { apiVersion: "cert-manager.io/v1", kind, metadata, spec }
  await host.api.apply(issuer)
  await host.certManager.until(`${kind} ${name} to be ready`, readyLimitMilliseconds, async () => {
    const seen = await host.api.get(referenceTo(issuer))
    const ready = seen === undefined ? undefined : conditionOf(seen, "Ready")
    if (ready?.status === "True") return true
    throw new Error(ready === undefined ? "no Ready condition yet" : `${ready.reason}: ${ready.message}`)
  })
  return { name, kind, group: "cert-manager.io" }
}

/** An authority, its secret, and the issuer that signs with it. */
export const createCaIssuer = async (host: IssuerHost, options: CaIssuerOptions): Promise<CaIssuer> => {
  const { name, namespace } = options
  const folder = join(host.dir, "issuers", namespace ?? "_cluster")
  await mkdir(folder, { recursive: true })
  const authority = await makeAuthority(folder, name, {
    commonName: `certlet test authority ${namespace ?? "cluster"}/${name}`,
    ...(options.algorithm === undefined ? {} : { algorithm: options.algorithm })
  })
  const secretName = `${name}-authority`
  await host.api.apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: secretName, namespace: namespace ?? host.clusterResourceNamespace },
    type: "kubernetes.io/tls",
    data: {
      "tls.crt": await readFile(authority.certFile, "base64"),
      "tls.key": await readFile(authority.keyFile, "base64")
    }
  })
  return { ref: await createIssuer(host, options, { ca: { secretName } }), caFile: authority.certFile }
}

/**
 * A self-signing issuer. Its requests must name, in the annotation `cert-manager.io/private-key-secret-name`, a secret
 * with the key that made the signing request: it signs with the requester's own key.
 */
export const createSelfSignedIssuer = (host: IssuerHost, options: IssuerOptions): Promise<IssuerRef> =>
  createIssuer(host, options, { selfSigned: {} })
