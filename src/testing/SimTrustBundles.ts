/**
 * The simulated `TrustBundles`: a bundle holds the text that a story has written into it, sound or damaged, and is rotated or
 * deleted at moments of virtual time. Connections do not exist here, so none fails.
 */
import { Context, Effect, Layer, Option } from "effect"
import { Facts } from "../cluster/Facts.ts"
import {
  absent,
  bundleText,
  certificatesBut,
  type TrustBundleReference,
  TrustBundles,
  type TrustState,
  trustState
} from "../cluster/TrustBundles.ts"

/** The levers of the simulated bundles. */
export class SimBundleShelf extends Context.Service<
  SimBundleShelf,
  {
    /** Writes a bundle's text; `undefined` leaves the object without the key that is asked for. */
    readonly write: (bundle: TrustBundleReference, text: string | undefined) => Effect.Effect<void>
    readonly remove: (bundle: TrustBundleReference) => Effect.Effect<void>
    /** What a bundle holds; `Unusable` where it is not there. */
    readonly get: (bundle: TrustBundleReference) => TrustState
    /** How many wait for a bundle or for its next change. */
    readonly waiting: Effect.Effect<number>
  }
>()("certlet/testing/SimBundleShelf") {}

/** `TrustBundles` for the programs, `SimBundleShelf` for the story. */
export const layer = Layer.effectContext(
  Effect.sync(() => {
    const facts = new Facts<TrustState>()
    const bundles = TrustBundles.of({
      await: (bundle, held) => facts.await(bundleText(bundle), certificatesBut(held)),
      state: (bundle) => Effect.sync(() => Option.orElse(facts.get(bundleText(bundle)), () => Option.some(absent)))
    })
    const missing = (bundle: TrustBundleReference) =>
      bundle.kind === "ConfigMap" ? `has no key ${bundle.key}` : "holds no certificate"
    const shelf = SimBundleShelf.of({
      get: (bundle) => Option.getOrElse(facts.get(bundleText(bundle)), () => absent),
      write: (bundle, text) =>
        Effect.sync(() => facts.seen({ key: bundleText(bundle), value: trustState(text, missing(bundle)) })),
      remove: (bundle) => Effect.sync(() => facts.gone({ key: bundleText(bundle) })),
      waiting: Effect.sync(() => facts.waiting)
    })
    return Context.make(TrustBundles, bundles).pipe(Context.add(SimBundleShelf, shelf))
  })
)
