/**
 * The `TrustBundles` of an API server: one watch for each bundle that a volume of this node names, chosen by the
 * object's own name, so that certlet needs no right to any other object. A watch is opened for the first who waits and
 * closed half a minute after the last. ClusterTrustBundles are read in version v1 where the server has it (Kubernetes
 * 1.37), else in v1beta1.
 */
import { Effect, Layer, Predicate, Schedule } from "effect"
import { asFailure } from "../Defect.ts"
import { ApiServer } from "./ApiServer.ts"
import { bundleFact } from "./BundleObject.ts"
import type { Fact } from "./Facts.ts"
import {
  bundlesFollowedBy,
  bundleText,
  type TrustBundleReference,
  TrustBundles,
  type TrustState
} from "./TrustBundles.ts"
import { type Watched, watch } from "./watch.ts"

const certificatesApi = "/apis/certificates.k8s.io"

/** The version in which the server has ClusterTrustBundles; asked again until it answers. */
const certificatesVersion = (server: ApiServer["Service"]): Effect.Effect<string> =>
  server.call({ action: "find ClusterTrustBundles", method: "GET", path: `${certificatesApi}/v1` }).pipe(
    Effect.map((answer) => (serves(answer, "clustertrustbundles") ? "v1" : "v1beta1")),
    Effect.catchIf(
      (error) => error.reason === "Missing",
      () => Effect.succeed("v1beta1")
    ),
    asFailure("a defect kept ClusterTrustBundles from being found"),
    Effect.tapError((error) => Effect.logDebug(`${error.message}; trying again`)),
    Effect.retry(Schedule.jittered(Schedule.spaced("5 seconds"))),
    Effect.orDie
  )

const serves = (answer: unknown, plural: string): boolean =>
  Predicate.hasProperty(answer, "resources") &&
  Array.isArray(answer.resources) &&
  answer.resources.some((resource: unknown) => Predicate.hasProperty(resource, "name") && resource.name === plural)

const pathOf = (server: ApiServer["Service"], bundle: TrustBundleReference): Effect.Effect<string> =>
  bundle.kind === "ConfigMap"
    ? Effect.succeed(`/api/v1/namespaces/${encodeURIComponent(bundle.namespace)}/configmaps`)
    : Effect.map(certificatesVersion(server), (version) => `${certificatesApi}/${version}/clustertrustbundles`)

/** The one object behind a bundle. Its fact's key is the bundle's own, as there is no other here. */
const watched = (bundle: TrustBundleReference, path: string): Watched<Fact<TrustState>> => ({
  kind: `${bundle.kind}s`,
  path,
  query: { fieldSelector: `metadata.name=${bundle.name}` },
  decode: bundleFact(bundle),
  meanwhile: `no change of ${bundleText(bundle)} is seen until this works`
})

/** The bundles of the cluster. */
export const layer: Layer.Layer<TrustBundles, never, ApiServer> = Layer.effect(
  TrustBundles,
  Effect.gen(function* () {
    const server = yield* ApiServer
    return yield* bundlesFollowedBy((bundle, facts) =>
      Effect.flatMap(pathOf(server, bundle), (path) => watch(server, watched(bundle, path), facts))
    )
  })
)
