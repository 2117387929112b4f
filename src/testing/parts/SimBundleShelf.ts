/**
 * The trust bundles of a simulated cluster: objects at its API server, whose texts, sound or damaged, a story writes,
 * rotates or deletes.
 */
import { Context, Effect, Option } from "effect"
import type { NewObject, ObjectStore } from "../../embedded/ObjectStore.ts"
import { bundleFact } from "../../kube/BundleObject.ts"
import { absent, type TrustBundleReference, type TrustState } from "../../kube/TrustBundles.ts"
import type { SimApiServer } from "./SimApiServer.ts"

/** The levers of the simulated bundles. */
export class SimBundleShelf extends Context.Service<
  SimBundleShelf,
  {
    /** Writes a bundle's text; `undefined` leaves the object without the key that is asked for. */
    readonly write: (bundle: TrustBundleReference, text: string | undefined) => Effect.Effect<void>
    readonly remove: (bundle: TrustBundleReference) => Effect.Effect<void>
    /** What a bundle holds; `Unusable` where it is not there. */
    readonly get: (bundle: TrustBundleReference) => TrustState
    /** How many watches are open on bundles. */
    readonly watches: Effect.Effect<number>
  }
>()("certlet/testing/SimBundleShelf") {}

/** Where the object behind a bundle stands; what is of the whole cluster has no namespace. */
const placeOf = ({ kind, name, namespace }: TrustBundleReference) => ({
  name,
  namespace: kind === "ConfigMap" ? namespace : ""
})

/** The object behind a bundle; without a text it holds nothing of it. */
const bundleObject = (bundle: TrustBundleReference, text: string | undefined): NewObject =>
  bundle.kind === "ConfigMap"
    ? {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: placeOf(bundle),
        data: text === undefined ? { other: "x" } : { [bundle.key]: text }
      }
    : {
        apiVersion: "certificates.k8s.io/v1beta1",
        kind: "ClusterTrustBundle",
        metadata: placeOf(bundle),
        spec: text === undefined ? {} : { trustBundle: text }
      }

/** Where objects behind bundles are kept. */
type Stores = Readonly<Record<"configMaps" | "clusterTrustBundles", ObjectStore>>

/** The store of a bundle's kind. */
const storeOf = ({ clusterTrustBundles, configMaps }: Stores, { kind }: TrustBundleReference): ObjectStore =>
  kind === "ConfigMap" ? configMaps : clusterTrustBundles

/** Writes and reads the bundles in these stores. */
export const bundlesIn = (stores: Stores): Pick<SimBundleShelf["Service"], "get" | "remove" | "write"> => ({
  get: (bundle) => {
    const { name, namespace } = placeOf(bundle)
    const fact = Option.flatMap(
      Option.fromUndefinedOr(storeOf(stores, bundle).get(namespace, name)),
      bundleFact(bundle)
    )
    return Option.match(fact, { onNone: () => absent, onSome: ({ value }) => value })
  },
  write: (bundle, text) => Effect.sync(() => storeOf(stores, bundle).put(bundleObject(bundle, text))),
  remove: (bundle) =>
    Effect.sync(() => {
      const { name, namespace } = placeOf(bundle)
      storeOf(stores, bundle).delete(namespace, name)
    })
})

/** The levers of the bundles that a server keeps. */
export const makeSimBundleShelf = (server: SimApiServer): SimBundleShelf["Service"] => ({
  ...bundlesIn(server.api.stores),
  watches: Effect.sync(() => server.watches.openOn("configMaps") + server.watches.openOn("clusterTrustBundles"))
})
