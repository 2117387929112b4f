/**
 * The programs as one service: everything that the door to the kubelet, and the simulation, may call. A call concerns one
 * volume; calls for the same volume are answered one after the other, calls for different volumes never wait for each
 * other. What a call leaves running (an issuance that outlives the kubelet's patience, a volume's renewals) belongs to this
 * service's scope.
 */
import { Context, type Duration, Effect, Layer, type Option } from "effect"
import type { CertificateRequests } from "../issuance/CertificateRequests.ts"
import type { KeyGenerator } from "../issuance/KeyGenerator.ts"
import type { PodEvents } from "../kube/PodEvents.ts"
import type { Pods } from "../kube/Pods.ts"
import type { TrustBundles } from "../kube/TrustBundles.ts"
import { Settings } from "../Settings.ts"
import type { Entropy } from "../volume/Entropy.ts"
import type { VolumeFS } from "../volume/VolumeFS.ts"
import { VolumeRecords } from "../volume/VolumeRecord.ts"
import type { PublishCall, UnpublishCall } from "./DriverCalls.ts"
import type { PublishError, RenewError, UnknownVolume, UnpublishError, Unpublished } from "./DriverError.ts"
import { inspectVolume, volumeStatus } from "./inspectVolume.ts"
import { exposition, measure, type Registry } from "./Metrics.ts"
import { publish } from "./publish.ts"
import { Renewals } from "./Renewals.ts"
import { renewNow } from "./renewNow.ts"
import { resume } from "./resume.ts"
import { unpublish } from "./unpublish.ts"
import { Volumes } from "./Volume.ts"
import type { VolumeReport, VolumeStatus } from "./VolumeStatus.ts"

/**
 * The driver.
 *
 * Laws: when `publish` succeeds the files are there (unless the settings say continue-on-not-ready); publishing again is
 * cheap and changes nothing that is well; a publish that fails leaves nothing that it made; an interrupted publish leaves
 * its issuance running, and the next one joins it; after `unpublish` nothing is left, neither file nor mount nor record nor
 * fiber, and it succeeds for volumes that nobody knows; `renewNow` joins a renewal that is running, and what it does not wait
 * for goes on.
 */
export class Driver extends Context.Service<
  Driver,
  {
    readonly publish: (call: PublishCall) => Effect.Effect<void, PublishError>
    readonly unpublish: (call: UnpublishCall) => Effect.Effect<void, UnpublishError>
    /** What a volume takes, and what is wrong with it; a path that is given has to be where the volume is. */
    readonly inspect: (volumeId: string, path: Option.Option<string>) => Effect.Effect<VolumeReport, UnknownVolume>
    /** Renews a volume now, whenever it was due; the answer is how it is afterwards. Waits as long as the patience lasts. */
    readonly renewNow: (
      volumeId: string,
      patience: Duration.Duration
    ) => Effect.Effect<VolumeStatus, RenewError | Unpublished>
    /** How each volume is doing now. */
    readonly status: Effect.Effect<ReadonlyArray<VolumeStatus>>
    /** False while the data root is on a disk: pending requests are then asked for again after a restart. */
    readonly keepsKeys: Effect.Effect<boolean>
    /** Everything there is to measure at this moment. */
    readonly measure: Effect.Effect<Registry>
    /** The same in the Prometheus text format. */
    readonly metrics: Effect.Effect<string>
  }
>()("certlet/driver/Driver") {
  /** The programs over whatever services they are given. When it is built, every volume of the last process has been resumed. */
  static readonly layer = Layer.effect(
    Driver,
    Effect.gen(function* () {
      const context = yield* Effect.context<
        | CertificateRequests
        | Entropy
        | KeyGenerator
        | PodEvents
        | Pods
        | Settings
        | TrustBundles
        | VolumeFS
        | VolumeRecords
        | Renewals
        | Volumes
      >()
      yield* resume()
      const { nodeId } = yield* Settings
      const { keepsKeys } = yield* VolumeRecords
      const measured = Effect.provideContext(
        Effect.flatMap(Effect.all([statuses, inheritedCount, keepsKeys]), ([volumes, inherited, keepsKeys]) =>
          measure(volumes, inherited, { nodeId, keepsKeys })
        ),
        context
      )
      return Driver.of({
        publish: (call) => Effect.provideContext(publish(call), context),
        unpublish: (call) => Effect.provideContext(unpublish(call), context),
        inspect: (volumeId, path) => Effect.provideContext(inspectVolume(volumeId, path), context),
        renewNow: (volumeId, patience) => Effect.provideContext(renewNow(volumeId, patience), context),
        status: Effect.provideContext(statuses, context),
        keepsKeys,
        measure: measured,
        metrics: Effect.flatMap(measured, exposition)
      })
    })
  ).pipe(Layer.provide(Renewals.layer), Layer.provide(Volumes.layer))
}

const inheritedCount = Effect.flatMap(Volumes, (volumes) => Effect.map(volumes.inherited, ({ size }) => size))

const statuses = Effect.flatMap(Volumes, (volumes) =>
  Effect.flatMap(volumes.all, (all) => Effect.forEach(all, volumeStatus))
)
