/**
 * The programs as one service: everything that the door to the kubelet, and the simulation, may call. A call concerns
 * one volume. Calls for the same volume run one after the other; calls for different volumes never wait for each other.
 * What a call leaves running (an issuance that outlives the kubelet's timeout, a volume's renewals) belongs to this
 * service's scope.
 */
import { Context, type Duration, Effect, Layer, Option } from "effect"
import { Settings } from "../Settings.ts"
import { VolumeRecords } from "../volume/VolumeRecord.ts"
import { clearOrphans } from "./clearOrphans.ts"
import type { PublishCall, UnpublishCall } from "./DriverCalls.ts"
import type { PublishError, RenewError, UnknownVolume, UnpublishError, Unpublished } from "./DriverError.ts"
import type { DriverServices } from "./DriverServices.ts"
import { inspectVolume, measuredStatus, volumeStatus } from "./inspectVolume.ts"
import { exposition, measure, type Registry } from "./Metrics.ts"
import { publish } from "./publish.ts"
import { Refusals } from "./Refusals.ts"
import { RefusedPublishes } from "./RefusedPublishes.ts"
import { Renewals } from "./Renewals.ts"
import { renewNow } from "./renewNow.ts"
import { resume } from "./resume.ts"
import { untendedStatus } from "./Untended.ts"
import { unpublish } from "./unpublish.ts"
import { Volumes } from "./Volume.ts"
import type { VolumeReport, VolumeStatus } from "./VolumeStatus.ts"

/** What the programs of the driver need. */
type Services = DriverServices | Refusals | RefusedPublishes | Renewals | Volumes

/**
 * The driver.
 *
 * Laws: when `publish` succeeds, the files are there (unless continue-on-not-ready is set); publishing again is cheap
 * and changes nothing that is well; a publish that fails leaves nothing that it made; an interrupted publish leaves
 * its issuance running, and the next one joins it; after `unpublish` nothing is left, neither file nor mount nor
 * record nor fiber, and it succeeds for unknown volumes; a volume whose pod is gone and that the kubelet is silent
 * about goes too; `renewNow` joins a renewal that is running, and a renewal goes on when nobody waits for it; a call
 * waits for the resumption of the volumes that it concerns, and status and metrics for that of all.
 */
export class Driver extends Context.Service<
  Driver,
  {
    readonly publish: (call: PublishCall) => Effect.Effect<void, PublishError>
    readonly unpublish: (call: UnpublishCall) => Effect.Effect<void, UnpublishError>
    /** What a volume takes and what is wrong with it. A path that is given must be the volume's target. */
    readonly inspect: (volumeId: string, path: Option.Option<string>) => Effect.Effect<VolumeReport, UnknownVolume>
    /**
     * Renews a volume now, whenever it is due, and waits at most `patience`. Returns the volume's status afterwards.
     */
    readonly renewNow: (
      volumeId: string,
      patience: Duration.Duration
    ) => Effect.Effect<VolumeStatus, RenewError | Unpublished>
    /** The status of each volume now. */
    readonly status: Effect.Effect<ReadonlyArray<VolumeStatus>>
    /** False while the data root is on a disk: pending requests are then made again after a restart. */
    readonly keepsKeys: Effect.Effect<boolean>
    /** Every metric now. */
    readonly measure: Effect.Effect<Registry>
    /** Every metric now, in the Prometheus text format. */
    readonly metrics: Effect.Effect<string>
  }
>()("certlet/driver/Driver") {
  /**
   * The driver over whatever services it is given. Once it is built, it takes calls; the volumes of the last process
   * are resumed meanwhile.
   */
  static readonly layer = Layer.effect(
    Driver,
    Effect.gen(function* () {
      const services = yield* Effect.context<Services>()
      const resumed = yield* resume()
      yield* Effect.forkScoped(Effect.andThen(resumed.all, clearOrphans()))
      const { nodeId } = yield* Settings
      const { keepsKeys } = yield* VolumeRecords
      const after = <A, E>(resumption: Effect.Effect<void>, program: Effect.Effect<A, E, Services>) =>
        Effect.andThen(resumption, Effect.provideContext(program, services))
      const measured = after(
        resumed.all,
        Effect.flatMap(Effect.all([statusesBy(measuredStatus), keepsKeys]), ([volumes, keepsKeys]) =>
          measure(volumes, { nodeId, keepsKeys })
        )
      )
      return Driver.of({
        publish: (call) => after(resumed.of(call.volumeId, Option.some(call.target)), publish(call)),
        unpublish: (call) => after(resumed.of(call.volumeId, Option.some(call.target)), unpublish(call)),
        inspect: (volumeId, path) => after(resumed.of(volumeId, Option.none()), inspectVolume(volumeId, path)),
        renewNow: (volumeId, patience) => after(resumed.of(volumeId, Option.none()), renewNow(volumeId, patience)),
        status: after(resumed.all, statusesBy(volumeStatus)),
        keepsKeys,
        measure: measured,
        metrics: Effect.flatMap(measured, exposition)
      })
    })
  ).pipe(
    Layer.provide(Renewals.layer),
    Layer.provide(Refusals.layer),
    Layer.provide(RefusedPublishes.layer),
    Layer.provide(Volumes.layer)
  )
}

const statusesBy = Effect.fnUntraced(function* (status: typeof volumeStatus) {
  const volumes = yield* Volumes
  const tended = yield* Effect.forEach(yield* volumes.all, status)
  const untended = [...(yield* volumes.untended).values()].map(untendedStatus)
  const known = new Set([...tended, ...untended].map(({ volumeId }) => volumeId))
  const refused = yield* Effect.flatMap(RefusedPublishes, ({ all }) => all)
  return [...tended, ...untended, ...refused.filter(({ volumeId }) => !known.has(volumeId))]
})
