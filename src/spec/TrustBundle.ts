/**
 * A trust bundle: CA certificates that somebody keeps in the cluster, which a volume gets instead of the issuer's
 * own CA. Pure: how an attribute names one (a ConfigMap of the pod's namespace, or a ClusterTrustBundle), and
 * which certificates a text holds. Only blocks of certificates are taken from it, so that nothing else can reach a pod
 * by this way.
 */
import { Result, Schema } from "effect"
import { writePem } from "../pki/Pem.ts"
import { certificatesAmong } from "../pki/readCertificates.ts"
import { limits } from "./Limits.ts"
import { quoted, type Rule } from "./Rule.ts"

/** Which bundle: a ConfigMap's key in the pod's namespace, or an object of the cluster. */
export const TrustBundleName = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("ConfigMap"), name: Schema.String, key: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("ClusterTrustBundle"), name: Schema.String })
])
export type TrustBundleName = typeof TrustBundleName.Type

/** A DNS subdomain (RFC 1123), as Kubernetes names objects. */
const isObjectName = (text: string): boolean => /^[a-z0-9][a-z0-9.-]{0,252}$/.test(text) && /[a-z0-9]$/.test(text)
/** A ClusterTrustBundle may have a signer's name and a colon before its own. */
const isBundleName = (text: string): boolean => {
  const colon = text.lastIndexOf(":")
  return isObjectName(text.slice(colon + 1)) && (colon < 0 || /^[a-z0-9.:-]{1,200}$/.test(text.slice(0, colon)))
}

/** `ConfigMap/NAME`, `ConfigMap/NAME/KEY` (the key is `ca.crt` where none is named) or `ClusterTrustBundle/NAME`. */
export const trustBundleName: Rule<TrustBundleName> = (text) => {
  const [kind = "", name = "", key = "ca.crt", ...more] = text.trim().split("/")
  const isKey = /^[A-Za-z0-9._-]{1,253}$/.test(key) && more.length === 0
  if (kind.toLowerCase() === "configmap" && isObjectName(name) && isKey) {
    return Result.succeed({ kind: "ConfigMap", name, key })
  }
  if (
    kind.toLowerCase() === "clustertrustbundle" &&
    isBundleName(name) &&
    !text.trim().includes("/", kind.length + 1)
  ) {
    return Result.succeed({ kind: "ClusterTrustBundle", name })
  }
  return Result.fail(`must be ConfigMap/NAME, ConfigMap/NAME/KEY or ClusterTrustBundle/NAME, but is ${quoted(text)}`)
}

/**
 * The certificates in a text, block after block and nothing between them; what is wrong with it otherwise. One block
 * that cannot be read damages the whole: laid into a pod, it would keep many programs from reading the others.
 */
export const bundleCertificates = (text: string): Result.Result<string, string> =>
  Result.flatMap(certificatesAmong(text, limits.trustBundle), (certificates) =>
    certificates.length === 0
      ? Result.fail("holds no certificate")
      : Result.succeed(certificates.map(({ raw }) => writePem("CERTIFICATE", raw)).join(""))
  )
