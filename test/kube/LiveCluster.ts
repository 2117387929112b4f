/**
 * The embedded API server as the other side of `Pods` and `TrustBundles`: layers of the live services over it, and scenes that
 * change its objects behind the client's back.
 */
import { join } from "node:path"
import { Context, Effect, Layer, Option } from "effect"
import * as KubeClient from "../../src/cluster/KubeClient.ts"
import * as KubePods from "../../src/cluster/KubePods.ts"
import * as KubeTrustBundles from "../../src/cluster/KubeTrustBundles.ts"
import type { PodReference } from "../../src/cluster/Pods.ts"
import type { TrustBundleReference } from "../../src/cluster/TrustBundles.ts"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import type { ObjectStore, StoredObject } from "../../src/embedded/ObjectStore.ts"
import type { ResourceName } from "../../src/embedded/Resource.ts"
import type { PodState } from "../../src/PodState.ts"
import { PodScene } from "../../src/testing/contract/pods.ts"
import { BundleScene } from "../../src/testing/contract/trustBundles.ts"
import { expectEvent, nodeId, settingsLayer, temporaryFolder } from "../issuance/LiveWorld.ts"
import { kubeSettings } from "../settings.ts"

/** The server behind the services, for tests that look at it. */
export class Server extends Context.Service<Server, EmbeddedCluster>()("certlet/test/Server") {}

const server = Layer.effect(Server, EmbeddedCluster.make())

/** Resolves when a watch on this resource is open. */
export const watching = (cluster: EmbeddedCluster, resource: ResourceName) =>
  Effect.gen(function* () {
    const opened = yield* expectEvent(cluster, (_) => _._tag === "WatchOpened" && _.resource === resource)
    if (cluster.watchesOn(resource) === 0) yield* opened
  })

const client = Layer.unwrap(
  Effect.gen(function* () {
    const cluster = yield* Server
    const kubeconfig = join(yield* temporaryFolder, "kubeconfig")
    yield* cluster.writeKubeconfig(kubeconfig, "certificate")
    const settings = settingsLayer({ ...kubeSettings, kubeconfig: Option.some(kubeconfig) })
    return Layer.provideMerge(KubeClient.layer, settings)
  })
)

/** Writes an object: makes it, or replaces everything of it but its metadata. */
const put = (store: ObjectStore, object: Parameters<ObjectStore["create"]>[0], uid?: string) => {
  const { name, namespace } = object.metadata
  if (store.get(namespace, name) === undefined) store.create(object, uid)
  else {
    store.update(namespace, name, (current): StoredObject => {
      const metadata = { ...object.metadata, ...current.metadata, annotations: object.metadata.annotations ?? {} }
      return { ...object, metadata }
    })
  }
}

/** A pod's object, with a volume of certlet's, on the node of the tests. */
export const podObject = ({ name, namespace }: PodReference, state: Partial<PodState>, node = nodeId) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels: state.labels ?? {}, annotations: state.annotations ?? {} },
  spec: { nodeName: node, volumes: [{ name: "tls", csi: { driver: "csi.cert-manager.io" } }] },
  status: {
    ...(state.ips?.[0] === undefined ? {} : { podIP: state.ips[0], podIPs: state.ips.map((ip) => ({ ip })) }),
    conditions: Object.entries(state.conditions ?? {}).map(([type, status]) => ({ type, status }))
  }
})

const podScene = Layer.effect(
  PodScene,
  Effect.gen(function* () {
    const cluster = yield* Server
    const states = new Map<string, Partial<PodState>>()
    return PodScene.of({
      set: (pod, change) =>
        Effect.sync(() => {
          const state = { ...states.get(pod.uid), ...change }
          states.set(pod.uid, state)
          put(cluster.stores.pods, podObject(pod, state), pod.uid)
        }),
      remove: (pod) => Effect.sync(() => void cluster.stores.pods.delete(pod.namespace, pod.name)),
      cut: cluster.dropWatches,
      watching: watching(cluster, "pods")
    })
  })
)

/** The live `Pods` over an embedded server, its scene and the server. */
export const podsLayer = KubePods.layer.pipe(
  Layer.merge(podScene),
  Layer.provideMerge(client),
  Layer.provideMerge(server)
)

const bundleObject = (bundle: TrustBundleReference, text: string | undefined) =>
  bundle.kind === "ConfigMap"
    ? {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: bundle.name, namespace: bundle.namespace },
        data: text === undefined ? { other: "x" } : { [bundle.key]: text }
      }
    : {
        apiVersion: "certificates.k8s.io/v1beta1",
        kind: "ClusterTrustBundle",
        metadata: { name: bundle.name, namespace: "" },
        spec: text === undefined ? {} : { trustBundle: text }
      }

const bundleScene = Layer.effect(
  BundleScene,
  Effect.gen(function* () {
    const { dropWatches, stores, ...cluster } = yield* Server
    const storeOf = ({ kind }: TrustBundleReference) =>
      kind === "ConfigMap" ? stores.configMaps : stores.clusterTrustBundles
    return BundleScene.of({
      write: (bundle, text) => Effect.sync(() => put(storeOf(bundle), bundleObject(bundle, text))),
      remove: (bundle) =>
        Effect.sync(
          () => void storeOf(bundle).delete(bundle.kind === "ConfigMap" ? bundle.namespace : "", bundle.name)
        ),
      cut: dropWatches,
      watching: ({ kind }) =>
        watching({ dropWatches, stores, ...cluster }, kind === "ConfigMap" ? "configMaps" : "clusterTrustBundles")
    })
  })
)

/** The live `TrustBundles` over an embedded server, its scene and the server. */
export const bundlesLayer = KubeTrustBundles.layer.pipe(
  Layer.merge(bundleScene),
  Layer.provideMerge(client),
  Layer.provideMerge(server)
)
