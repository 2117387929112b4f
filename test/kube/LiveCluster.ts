/**
 * The embedded API server as the other side of `Pods` and `TrustBundles`: layers of the live services over it, and
 * scenes that change its objects behind the client's back.
 */

import { join } from "node:path"
import { Context, Effect, Layer, Option } from "effect"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import type { ResourceName } from "../../src/embedded/Resource.ts"
import * as ApiPods from "../../src/kube/ApiPods.ts"
import * as ApiTrustBundles from "../../src/kube/ApiTrustBundles.ts"
import * as KubeApiServer from "../../src/kube/KubeApiServer.ts"
import type { PodState } from "../../src/spec/PodState.ts"
import { PodScene } from "../../src/testing/contract/pods.ts"
import { BundleScene } from "../../src/testing/contract/trustBundles.ts"
import { bundlesIn } from "../../src/testing/parts/SimBundleShelf.ts"
import { bare, podObject } from "../../src/testing/parts/SimPodRegistry.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { expectEvent, nodeId, settingsLayer } from "../kit/LiveClient.ts"
import { kubeSettings } from "../kit/settings.ts"

/** The server behind the services, for tests that look at it. */
export class Server extends Context.Service<Server, EmbeddedCluster>()("certlet/test/Server") {}

const server = Layer.effect(Server, EmbeddedCluster.make())

/** Resolves when a watch on this resource is open. */
export const watching = (cluster: EmbeddedCluster, resource: ResourceName) =>
  Effect.gen(function* () {
    const opened = yield* expectEvent(cluster, (event) => event._tag === "WatchOpened" && event.resource === resource)
    if (cluster.watchesOn(resource) === 0) yield* opened
  })

const client = Layer.unwrap(
  Effect.gen(function* () {
    const cluster = yield* Server
    const kubeconfig = join(yield* temporaryFolder, "kubeconfig")
    yield* cluster.writeKubeconfig(kubeconfig, "certificate")
    const settings = settingsLayer({ ...kubeSettings, kubeconfig: Option.some(kubeconfig) })
    return Layer.provideMerge(KubeApiServer.layer, settings)
  })
)

const podScene = Layer.effect(
  PodScene,
  Effect.gen(function* () {
    const cluster = yield* Server
    const states = new Map<string, PodState>()
    return PodScene.of({
      set: (pod, change) =>
        Effect.sync(() => {
          const state = { ...(states.get(pod.uid) ?? bare), ...change }
          states.set(pod.uid, state)
          cluster.stores.pods.put(podObject({ ...pod, node: nodeId }, state), pod.uid)
        }),
      remove: (pod) => Effect.sync(() => void cluster.stores.pods.delete(pod.namespace, pod.name)),
      cut: cluster.dropWatches(),
      watching: watching(cluster, "pods")
    })
  })
)

/** The live `Pods` over an embedded server, its scene and the server. */
export const podsLayer = ApiPods.layer.pipe(
  Layer.merge(podScene),
  Layer.provideMerge(client),
  Layer.provideMerge(server)
)

const bundleScene = Layer.effect(
  BundleScene,
  Effect.gen(function* () {
    const { dropWatches, stores, ...cluster } = yield* Server
    const { remove, write } = bundlesIn(stores)
    return BundleScene.of({
      write,
      remove,
      cut: dropWatches(),
      watching: ({ kind }) =>
        watching({ dropWatches, stores, ...cluster }, kind === "ConfigMap" ? "configMaps" : "clusterTrustBundles")
    })
  })
)

/** The live `TrustBundles` over an embedded server, its scene and the server. */
export const bundlesLayer = ApiTrustBundles.layer.pipe(
  Layer.merge(bundleScene),
  Layer.provideMerge(client),
  Layer.provideMerge(server)
)
