/**
 * A ConfigMap or a ClusterTrustBundle as the Kubernetes API writes it, as far as a trust bundle is read from it. Pure.
 */
import { Option, Predicate, Result, Schema } from "effect"
import type { Fact } from "./Facts.ts"
import { bundleText, type TrustBundleReference, type TrustState, trustState } from "./TrustBundles.ts"

const ConfigMap = Schema.Struct({
  data: Schema.optionalKey(Schema.NullOr(Schema.ObjectKeyword))
})
const ClusterTrustBundle = Schema.Struct({
  spec: Schema.Struct({ trustBundle: Schema.optionalKey(Schema.String) })
})

const decodeConfigMap = Schema.decodeUnknownResult(ConfigMap)
const decodeClusterTrustBundle = Schema.decodeUnknownResult(ClusterTrustBundle)

/** The text under a key that anybody may have chosen: `constructor` and `__proto__` are keys like any other. */
const textAt = (data: object | null | undefined, key: string): string | undefined => {
  const value: unknown = data && Object.getOwnPropertyDescriptor(data, key)?.value
  return Predicate.isString(value) ? value : undefined
}

const stateOf = (bundle: TrustBundleReference, object: unknown): Option.Option<TrustState> =>
  bundle.kind === "ConfigMap"
    ? Option.map(Result.getSuccess(decodeConfigMap(object)), ({ data }) =>
        trustState(textAt(data, bundle.key), `has no key ${bundle.key}`)
      )
    : Option.map(Result.getSuccess(decodeClusterTrustBundle(object)), ({ spec }) =>
        trustState(spec.trustBundle, "holds no certificate")
      )

/** What the object behind a bundle holds of it; none where it cannot be read. */
export const bundleFact =
  (bundle: TrustBundleReference) =>
  (object: unknown): Option.Option<Fact<TrustState>> =>
    Option.map(stateOf(bundle, object), (value) => ({ key: bundleText(bundle), value }))
