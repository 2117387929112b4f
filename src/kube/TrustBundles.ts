/**
 * The trust bundles that volumes of this node name: CA certificates in ConfigMaps and ClusterTrustBundles. A bundle is
 * followed only while somebody waits for it or for its next change. `ApiTrustBundles` stands behind it: one watch for
 * each bundle and not for each volume.
 */
import { Context, Effect, Option, RcMap, Result, type Scope } from "effect"
import { namespacedName } from "../spec/NamespacedName.ts"
import { bundleCertificates, type TrustBundleName } from "../spec/TrustBundle.ts"
import { Facts } from "./Facts.ts"

/** A bundle as a pod's namespace makes it unique. */
export type TrustBundleReference = TrustBundleName & { readonly namespace: string }

/** A bundle at one moment: its certificates (PEM), or why there are none. */
export type TrustState =
  | { readonly _tag: "Present"; readonly certificates: string }
  | { readonly _tag: "Unusable"; readonly detail: string }

/** What a text of a bundle is worth; `undefined` where the object has no such key. */
export const trustState = (text: string | undefined, missing: string): TrustState =>
  text === undefined
    ? { _tag: "Unusable", detail: missing }
    : Result.match(bundleCertificates(text), {
        onSuccess: (certificates): TrustState => ({ _tag: "Present", certificates }),
        onFailure: (detail): TrustState => ({ _tag: "Unusable", detail })
      })

/** What a bundle is where no object of its name is there. */
export const absent: TrustState = { _tag: "Unusable", detail: "is not there" }

/** The certificates that a bundle holds now, where they are not the ones `held`. */
const certificatesBut =
  (held: Option.Option<string>) =>
  (state: TrustState): Option.Option<string> =>
    state._tag === "Present" && state.certificates !== Option.getOrUndefined(held)
      ? Option.some(state.certificates)
      : Option.none()

/** Why a bundle that is there cannot be used, where that has not been `told`. */
const faultBut =
  (told: Option.Option<string>) =>
  (state: TrustState): Option.Option<string> =>
    state._tag === "Unusable" && state.detail !== Option.getOrUndefined(told)
      ? Option.some(state.detail)
      : Option.none()

/** `ConfigMap shop/ca-bundle, key ca.crt`, or `ClusterTrustBundle corp`: for sentences, and unique. */
export const bundleText = (bundle: TrustBundleReference): string =>
  bundle.kind === "ConfigMap"
    ? `ConfigMap ${namespacedName(bundle)}, key ${bundle.key}`
    : `ClusterTrustBundle ${bundle.name}`

/**
 * The trust bundles.
 *
 * Laws: `await` returns a bundle's certificates as soon as there are some, and, where some are held already, as soon
 * as they are others; it waits for a bundle that is not there, or cannot be read, until it can be; nothing but
 * certificates is handed over, and none of a bundle in which one of them cannot be read; `awaitFault` returns as soon
 * as a bundle that is there cannot be used, and, where its fault is known already, as soon as it is another; it never
 * fails because the connection did; an interrupted wait leaves nothing behind.
 */
export class TrustBundles extends Context.Service<
  TrustBundles,
  {
    /** Waits, for ever if need be, for certificates that are not the ones `held`. */
    readonly await: (bundle: TrustBundleReference, held: Option.Option<string>) => Effect.Effect<string>
    /** Waits, for ever if need be, until a bundle that is there cannot be used for a reason other than `told`. */
    readonly awaitFault: (bundle: TrustBundleReference, told: Option.Option<string>) => Effect.Effect<string>
    /** The bundle as it was seen last, while somebody waits for it; none where it has not been seen. Makes no call. */
    readonly state: (bundle: TrustBundleReference) => Effect.Effect<Option.Option<TrustState>>
  }
>()("certlet/kube/TrustBundles") {}

/** How long a watch that nobody needs stays open for the next who does. */
const idle = "30 seconds"

/**
 * The trust bundles, as `follow` writes each of them down, for ever: it runs while somebody waits for that bundle, and
 * half a minute longer. What it had learnt is forgotten when it ends.
 */
export const bundlesFollowedBy = Effect.fnUntraced(function* (
  follow: (bundle: TrustBundleReference, facts: Facts<TrustState>) => Effect.Effect<never>
): Effect.fn.Return<TrustBundles["Service"], never, Scope.Scope> {
  const references = new Map<string, TrustBundleReference>()
  const open = new Map<string, Facts<TrustState>>()
  const watches = yield* RcMap.make({
    idleTimeToLive: idle,
    lookup: Effect.fnUntraced(function* (key: string) {
      const bundle = references.get(key)
      const facts = new Facts<TrustState>()
      if (bundle === undefined) return facts
      open.set(key, facts)
      const closed = Effect.sync(() => {
        if (open.get(key) === facts) open.delete(key)
      })
      yield* Effect.addFinalizer(() => closed)
      yield* Effect.forkScoped(follow(bundle, facts))
      return facts
    })
  })
  const awaitState = <A>(bundle: TrustBundleReference, fits: (state: TrustState) => Option.Option<A>) => {
    const key = bundleText(bundle)
    references.set(key, bundle)
    return Effect.scoped(Effect.flatMap(RcMap.get(watches, key), (facts) => facts.await(key, fits)))
  }
  return {
    await: (bundle, held) => awaitState(bundle, certificatesBut(held)),
    awaitFault: (bundle, told) => awaitState(bundle, faultBut(told)),
    state: (bundle) =>
      Effect.sync(() => {
        const facts = open.get(bundleText(bundle))
        if (facts === undefined) return Option.none()
        return Option.orElse(facts.get(bundleText(bundle)), () => (facts.synced ? Option.some(absent) : Option.none()))
      })
  }
})
