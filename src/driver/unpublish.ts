/**
 * A pod's volume goes. Its renewals end first, so that nothing writes any more; then mount and files go, then the
 * record, then the volume in memory. It succeeds for unknown volumes and for targets that are not there, because the
 * kubelet calls until it does. A request that is still pending is deleted in the background: nobody needs its
 * certificate.
 */
import { Effect, Option, Ref } from "effect"
import { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { wipe } from "../issuance/wipe.ts"
import { Settings } from "../Settings.ts"
import { isKubeletPath, outsideFault } from "../volume/PlaceRules.ts"
import { VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import { VolumeRecords } from "../volume/VolumeRecord.ts"
import type { UnpublishCall } from "./DriverCalls.ts"
import { UnpublishError } from "./DriverError.ts"
import { timeCall } from "./Metrics.ts"
import { Refusals } from "./Refusals.ts"
import { RefusedPublishes } from "./RefusedPublishes.ts"
import { Renewals } from "./Renewals.ts"
import { tryLater } from "./tryLater.ts"
import { pendingKeys, taken, type Volume, Volumes } from "./Volume.ts"

/** Unpublishes a volume: when it succeeds, nothing of it is left on the node. */
export const unpublish = Effect.fn("driver.unpublish")(
  function* (call: UnpublishCall) {
    yield* Effect.annotateCurrentSpan({ volumeId: call.volumeId })
    const volumes = yield* Volumes
    yield* volumes.locked(call.volumeId)(Effect.uninterruptible(clear(call)))
  },
  (program, { volumeId }) =>
    program.pipe(
      Effect.mapError((reason) => new UnpublishError({ volumeId, reason })),
      timeCall("unpublish"),
      Effect.annotateLogs({ volumeId })
    )
)

/** Clears a target that is this volume's, or that no volume of this process has. */
const clear = Effect.fnUntraced(function* ({ target, volumeId }: UnpublishCall) {
  const fs = yield* VolumeFS
  const volumes = yield* Volumes
  yield* Effect.flatMap(Refusals, (refusals) => refusals.forget(volumeId))
  yield* Effect.flatMap(RefusedPublishes, (refused) => refused.forget(volumeId))
  const holder = Option.getOrUndefined(yield* volumes.at(target))
  if (holder !== undefined && holder !== volumeId) return yield* taken("unmount", target, holder)
  if (holder === undefined && !(yield* mayClear(target))) return yield* letGo(volumeId)
  // A mount that another driver left goes only now, when the kubelet says that nobody needs it any more.
  yield* fs.release(target)
  yield* takeAway(volumeId, target)
})

/**
 * True if a target that no volume of this process has may be cleared. A path of this kubelet's may, an empty folder
 * included. A path outside the kubelet's root is refused. If the root is not known and the path does not look like a
 * kubelet's, only what a driver mounted goes, because the folder may be anybody's.
 */
const mayClear = Effect.fnUntraced(function* (target: string) {
  const { kubeletRootDir } = yield* Settings
  const detail = outsideFault(target, kubeletRootDir)
  if (detail !== undefined) {
    return yield* new VolumeError({ reason: "Hostile", action: "unmount", path: target, detail })
  }
  if (isKubeletPath(target)) return true
  const fs = yield* VolumeFS
  return ["empty", "filled", "damaged", "inherited"].includes(yield* fs.inspect(target))
})

/** Takes a volume away, with its mount and its files. The caller holds the volume's lock. */
export const takeAway = Effect.fnUntraced(function* (volumeId: string, target: string) {
  const fs = yield* VolumeFS
  const volumes = yield* Volumes
  const known = yield* volumes.get(volumeId)
  yield* Effect.forEach(Option.toArray(known), endLife)
  yield* Effect.forEach(targetsOf(known, target), fs.unmount)
  yield* letGo(volumeId)
})

/** Ends a volume's renewals and forgets it; what is at its target stays. The caller holds the volume's lock. */
export const letGo = Effect.fnUntraced(function* (volumeId: string) {
  const records = yield* VolumeRecords
  const volumes = yield* Volumes
  const known = yield* volumes.get(volumeId)
  yield* Effect.forEach(Option.toArray(known), endLife)
  yield* volumes.remove(volumeId)
  // Nobody finds the volume any more, so its key goes before the disk can come in the way.
  yield* Effect.forEach(Option.toArray(known), wipePending)
  yield* records
    .remove(volumeId)
    .pipe(
      Effect.catch((error) =>
        Effect.andThen(
          Effect.logWarning(`the volume is gone, but its record stays for now: ${error.message}`),
          Effect.forkDetach(removeLater(volumeId))
        )
      )
    )
  yield* Effect.forEach(Option.toArray(known), withdraw)
})

/**
 * How often a record that cannot be removed is tried again: a pod's end does not wait for it, and a restart finds it.
 */
const removals = 60

const removeLater = Effect.fnUntraced(function* (volumeId: string) {
  const records = yield* VolumeRecords
  const volumes = yield* Volumes
  // The volume may have been published again meanwhile, and then the record is a new one.
  const remove = Effect.flatMap(volumes.get(volumeId), (known) =>
    Option.isSome(known) ? Effect.void : records.remove(volumeId)
  )
  yield* tryLater(volumeId, remove, removals).pipe(
    Effect.catch((error) => Effect.logWarning(`a record without a volume stays: ${error.message}`))
  )
})

const endLife = (volume: Volume) => Effect.flatMap(Renewals, (renewals) => renewals.stop(volume))

/**
 * Where the kubelet says the volume is, and where certlet put it: the same, unless somebody moved the kubelet's root.
 */
const targetsOf = (known: Option.Option<Volume>, target: string): ReadonlySet<string> =>
  new Set([target, ...Option.toArray(known).map((volume) => volume.place.target)])

const wipePending = ({ record }: Volume) => Effect.flatMap(Ref.get(record), (record) => wipe(pendingKeys(record)))

/**
 * Deletes the volume's pending request in the background, and no other: the volume may be published again meanwhile. If
 * that fails, the request goes with its pod.
 */
const withdraw = Effect.fnUntraced(function* (volume: Volume) {
  const requests = yield* CertificateRequests
  const { pending } = yield* Ref.get(volume.record)
  if (Option.isNone(pending)) return
  const { requestName } = pending.value
  const isDoomed = (name: string) => name === requestName
  yield* requests.discard({ volumeId: volume.id, namespace: volume.spec.pod.namespace, isDoomed }).pipe(
    Effect.catch((error) => Effect.logDebug(`a pending request was not deleted: ${error.message}`)),
    Effect.forkDetach
  )
})
