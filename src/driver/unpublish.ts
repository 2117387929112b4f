/**
 * A pod's volume goes. First its life ends, so that nothing writes any more; then mount and files, then the record, then the
 * memory of it. It succeeds for volumes that nobody knows and for targets that are not there, because the kubelet calls
 * until it does. A request that was still pending is withdrawn in the background: nobody needs its certificate.
 */
import { Effect, Option, Ref } from "effect"
import { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { VolumeRecords } from "../volume/VolumeRecord.ts"
import type { UnpublishCall } from "./DriverCalls.ts"
import { UnpublishError } from "./DriverError.ts"
import { timeCall } from "./Metrics.ts"
import { Renewals } from "./Renewals.ts"
import { type Volume, Volumes } from "./Volume.ts"

/** Unpublishes a volume: when it succeeds nothing of it is left on the node. */
export const unpublish = Effect.fn("driver.unpublish")(
  function* (call: UnpublishCall) {
    yield* Effect.annotateCurrentSpan({ volumeId: call.volumeId })
    const volumes = yield* Volumes
    const fs = yield* VolumeFS
    // Only now, when the kubelet says that nobody needs it any more, does a mount go that another driver has left.
    const program = Effect.andThen(fs.release(call.target), takeAway(call.volumeId, call.target))
    yield* volumes.locked(call.volumeId)(Effect.uninterruptible(program))
  },
  (program, call) =>
    program.pipe(
      Effect.mapError((reason) => new UnpublishError({ volumeId: call.volumeId, reason })),
      timeCall("unpublish"),
      Effect.annotateLogs({ volumeId: call.volumeId })
    )
)

/** Takes a volume away. The caller holds the volume's lock. */
export const takeAway = Effect.fnUntraced(function* (volumeId: string, target: string) {
  const fs = yield* VolumeFS
  const volumes = yield* Volumes
  const known = yield* volumes.get(volumeId)
  yield* Effect.forEach(Option.toArray(known), endLife)
  yield* Effect.forEach(targetsOf(known, target), fs.unmount)
  yield* letGo(volumeId)
})

/** Ends a volume's life and forgets it; what stands at its target stays. The caller holds the volume's lock. */
export const letGo = Effect.fnUntraced(function* (volumeId: string) {
  const records = yield* VolumeRecords
  const volumes = yield* Volumes
  const known = yield* volumes.get(volumeId)
  yield* Effect.forEach(Option.toArray(known), endLife)
  yield* records.remove(volumeId)
  yield* volumes.remove(volumeId)
  yield* Effect.forEach(Option.toArray(known), withdraw)
})

const endLife = (volume: Volume) => Effect.flatMap(Renewals, (renewals) => renewals.stop(volume))

/** Where the kubelet says the volume is, and where it was put: the same place, unless somebody moved the kubelet's root. */
const targetsOf = (known: Option.Option<Volume>, target: string): ReadonlySet<string> =>
  new Set([target, ...Option.toArray(known).map((volume) => volume.place.target)])

/** Deletes the volume's pending request without anybody waiting for it; the pod's own deletion would take it in the end. */
const withdraw = Effect.fnUntraced(function* (volume: Volume) {
  const requests = yield* CertificateRequests
  const { pending } = yield* Ref.get(volume.record)
  if (pending === undefined) return
  yield* requests.discard({ volumeId: volume.id, namespace: volume.spec.pod.namespace, keep: Option.none() }).pipe(
    Effect.catch((error) => Effect.logDebug(`a pending request was not withdrawn: ${error.message}`)),
    Effect.forkDetach
  )
})
