/**
 * A trust bundle: CA certificates that somebody keeps in the cluster, to be laid into a volume in the place of the issuer's own
 * CA. Pure: how an attribute names one (a ConfigMap of the pod's namespace, or a ClusterTrustBundle), and which certificates
 * a text holds. Only blocks of certificates are taken from it, so that nothing else can reach a pod by this way.
 */
import { Result, Schema } from "effect"
import { readPem, writePem } from "../pki/Pem.ts"
import { quoted, type Rule } from "./AttributeRules.ts"
import { limits } from "./Limits.ts"

/** Which bundle: a ConfigMap's key in the pod's namespace, or an object of the cluster. */
export const TrustBundleName = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("ConfigMap"), name: Schema.String, key: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("ClusterTrustBundle"), name: Schema.String })
])
export type TrustBundleName = typeof TrustBundleName.Type

const objectName = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
const configMap = new RegExp(`^configmap/(${objectName})(?:/([A-Za-z0-9._-]{1,253}))?$`, "i")
const clusterTrustBundle = new RegExp(`^clustertrustbundle/((?:[a-z0-9.:-]{1,200}:)?${objectName})$`, "i")

/** `ConfigMap/NAME`, `ConfigMap/NAME/KEY` (the key is `ca.crt` where none is named) or `ClusterTrustBundle/NAME`. */
export const trustBundleName: Rule<TrustBundleName> = (text) => {
  const [, map, , key = "ca.crt"] = configMap.exec(text.trim()) ?? []
  if (map !== undefined && map === map.toLowerCase()) return Result.succeed({ kind: "ConfigMap", name: map, key })
  const [, bundle] = clusterTrustBundle.exec(text.trim()) ?? []
  if (bundle !== undefined && bundle === bundle.toLowerCase()) {
    return Result.succeed({ kind: "ClusterTrustBundle", name: bundle })
  }
  return Result.fail(`must be ConfigMap/NAME, ConfigMap/NAME/KEY or ClusterTrustBundle/NAME, but is ${quoted(text)}`)
}

/** The certificates in a text, block after block and nothing between them; what is wrong with it otherwise. */
export const certificatesIn = (text: string): Result.Result<string, string> => {
  const certificates = readPem(text, limits.trustBundle).pipe(
    Result.map((blocks) => blocks.filter(({ label }) => label === "CERTIFICATE"))
  )
  return Result.flatMap(certificates, (blocks) =>
    blocks.length === 0
      ? Result.fail("holds no certificate")
      : Result.succeed(blocks.map(({ der, label }) => writePem(label, der)).join(""))
  )
}
