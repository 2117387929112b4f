/**
 * The live `TrustBundles`: one watch for each bundle that a volume of this node names, chosen by the object's own name, so that
 * certlet needs no right to any other object. A watch is opened for the first who waits and closed half a minute after the
 * last. ClusterTrustBundles are read in version v1 where the server has it (Kubernetes 1.37), else in v1beta1.
 */
import { Effect, Layer, Option, Predicate, RcMap, Result, Schedule, Schema } from "effect"
import { type Fact, Facts } from "./Facts.ts"
import { KubeClient } from "./KubeClient.ts"
import { follow, type Watched } from "./KubeWatch.ts"
import {
  absent,
  bundleText,
  certificatesBut,
  type TrustBundleReference,
  TrustBundles,
  type TrustState,
  trustState
} from "./TrustBundles.ts"

const ConfigMap = Schema.Struct({
  data: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))
})
const ClusterTrustBundle = Schema.Struct({
  spec: Schema.Struct({ trustBundle: Schema.optionalKey(Schema.String) })
})

const decodeConfigMap = Schema.decodeUnknownResult(ConfigMap)
const decodeClusterTrustBundle = Schema.decodeUnknownResult(ClusterTrustBundle)

const stateOf = (bundle: TrustBundleReference, object: unknown): Option.Option<TrustState> =>
  bundle.kind === "ConfigMap"
    ? Option.map(Result.getSuccess(decodeConfigMap(object)), ({ data }) =>
        trustState(data?.[bundle.key], `has no key ${bundle.key}`)
      )
    : Option.map(Result.getSuccess(decodeClusterTrustBundle(object)), ({ spec }) =>
        trustState(spec.trustBundle, "holds no certificate")
      )

const certificatesApi = "/apis/certificates.k8s.io"

/** The version in which the server has ClusterTrustBundles; asked again until it answers. */
const certificatesVersion = (client: KubeClient["Service"]): Effect.Effect<string> =>
  client.call({ action: "find ClusterTrustBundles", method: "GET", path: `${certificatesApi}/v1` }).pipe(
    Effect.map((answer) => (serves(answer, "clustertrustbundles") ? "v1" : "v1beta1")),
    Effect.catchIf(
      (error) => error.reason === "Missing",
      () => Effect.succeed("v1beta1")
    ),
    Effect.tapError((error) => Effect.logDebug(`${error.message}; trying again`)),
    Effect.retry(Schedule.jittered(Schedule.spaced("5 seconds"))),
    Effect.orDie
  )

const serves = (answer: unknown, plural: string): boolean =>
  Predicate.hasProperty(answer, "resources") &&
  Array.isArray(answer.resources) &&
  answer.resources.some((resource: unknown) => Predicate.hasProperty(resource, "name") && resource.name === plural)

const pathOf = (client: KubeClient["Service"], bundle: TrustBundleReference): Effect.Effect<string> =>
  bundle.kind === "ConfigMap"
    ? Effect.succeed(`/api/v1/namespaces/${encodeURIComponent(bundle.namespace)}/configmaps`)
    : Effect.map(certificatesVersion(client), (version) => `${certificatesApi}/${version}/clustertrustbundles`)

/** The one object behind a bundle. Its fact's key is the bundle's own, as there is no other here. */
const watched = (bundle: TrustBundleReference, path: string): Watched<Fact<TrustState>> => ({
  kind: `${bundle.kind}s`,
  path,
  query: { fieldSelector: `metadata.name=${bundle.name}` },
  decode: (object) => Option.map(stateOf(bundle, object), (value) => ({ key: bundleText(bundle), value })),
  meanwhile: `no change of ${bundleText(bundle)} is seen until this works`
})

/** How long a watch that nobody needs stays open for the next who does. */
const idle = "30 seconds"

/** The bundles of the cluster. */
export const layer: Layer.Layer<TrustBundles, never, KubeClient> = Layer.effect(
  TrustBundles,
  Effect.gen(function* () {
    const client = yield* KubeClient
    const references = new Map<string, TrustBundleReference>()
    const open = new Map<string, Facts<TrustState>>()
    const watches = yield* RcMap.make({
      idleTimeToLive: idle,
      lookup: Effect.fnUntraced(function* (key: string) {
        const bundle = references.get(key)
        const facts = new Facts<TrustState>()
        if (bundle === undefined) return facts
        open.set(key, facts)
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            if (open.get(key) === facts) open.delete(key)
          })
        )
        const following = Effect.flatMap(pathOf(client, bundle), (path) => follow(client, watched(bundle, path), facts))
        yield* Effect.forkScoped(following)
        return facts
      })
    })
    return TrustBundles.of({
      await: (bundle, held) => {
        const key = bundleText(bundle)
        references.set(key, bundle)
        return Effect.scoped(
          Effect.flatMap(RcMap.get(watches, key), (facts) => facts.await(key, certificatesBut(held)))
        )
      },
      state: (bundle) =>
        Effect.sync(() => {
          const facts = open.get(bundleText(bundle))
          if (facts === undefined) return Option.none()
          return Option.orElse(facts.get(bundleText(bundle)), () =>
            facts.synced ? Option.some(absent) : Option.none()
          )
        })
    })
  })
)
