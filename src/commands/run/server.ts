/**
 * The node's process as layers: which live layer stands behind which contract, and in which order they end. There is
 * no logic here.
 */
import { Effect, Layer } from "effect"
import * as NodeAdmin from "../../admin/NodeAdmin.ts"
import * as GrpcKubelet from "../../csi/GrpcKubelet.ts"
import * as GrpcRegistration from "../../csi/GrpcRegistration.ts"
import { serve } from "../../csi/serve.ts"
import { Driver } from "../../driver/Driver.ts"
import * as Health from "../../Health.ts"
import * as ApiCertificateRequests from "../../issuance/ApiCertificateRequests.ts"
import * as NodeKeyGenerator from "../../issuance/NodeKeyGenerator.ts"
import * as ApiPodEvents from "../../kube/ApiPodEvents.ts"
import * as ApiPods from "../../kube/ApiPods.ts"
import * as ApiTrustBundles from "../../kube/ApiTrustBundles.ts"
import * as KubeApiServer from "../../kube/KubeApiServer.ts"
import * as HealthDoor from "../../observability/HealthDoor.ts"
import * as NodeMetrics from "../../observability/NodeMetrics.ts"
import * as NodeTelemetry from "../../observability/NodeTelemetry.ts"
import { Settings } from "../../Settings.ts"
import * as NodeEntropy from "../../volume/NodeEntropy.ts"
import * as NodeVolumeFS from "../../volume/NodeVolumeFS.ts"
import * as NodeVolumeRecords from "../../volume/NodeVolumeRecords.ts"
import { announceApiServer } from "./announceApiServer.ts"
import * as NodeCollector from "./NodeCollector.ts"
import * as NodeHardening from "./NodeHardening.ts"

const liveDriver = Driver.layer.pipe(
  Layer.provide([
    Layer.unwrap(Effect.map(Settings, ({ rsaKeyPool }) => NodeKeyGenerator.layerWithPool(rsaKeyPool))),
    ApiCertificateRequests.layer,
    ApiPodEvents.layer,
    ApiPods.layer,
    ApiTrustBundles.layer,
    NodeVolumeFS.layer,
    NodeVolumeRecords.layer,
    NodeEntropy.layer
  ]),
  Layer.provide(KubeApiServer.layer)
)

/**
 * The kubelet forgets certlet before the door closes, and the door closes before the driver ends: calls in flight find
 * it alive.
 */
const door = GrpcRegistration.layer.pipe(Layer.provide(Layer.effectDiscard(serve)), Layer.provide(GrpcKubelet.layer))

/** The operator's socket comes after the kubelet's, which only one process of a node can have. */
const doors = Layer.provideMerge(NodeAdmin.layer, door)

/** Everything that serves; `Health` outlives all that it speaks of, and first of all it says that certlet is ending. */
export const server = Health.endsFirst.pipe(
  Layer.provide(Layer.mergeAll(doors, NodeMetrics.layer, NodeTelemetry.metricsLayer)),
  Layer.provide(NodeCollector.layer),
  Layer.provide(liveDriver),
  Layer.provide(HealthDoor.layer),
  Layer.provide(NodeTelemetry.layer),
  Layer.provide(Health.layer),
  Layer.provide(announceApiServer),
  Layer.provide(NodeHardening.layer)
)
