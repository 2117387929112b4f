/**
 * An operator wants a volume's next certificate now. It is the renewal that would have come by itself, only earlier:
 * one that is running is joined, a pause is cut short, and the pod keeps its old files until the new ones are complete.
 * One that has come while the operator waited for the volume is what was asked for. A volume without a mount is left to
 * its next publish. A volume that has gone meanwhile is not begun again.
 */
import { type Duration, Effect, Equal, Option, Ref, Result } from "effect"
import { namespacedName } from "../spec/NamespacedName.ts"
import { VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import { awaitAttempt } from "./awaitAttempt.ts"
import { RenewError, Unpublished } from "./DriverError.ts"
import { volumeStatus } from "./inspectVolume.ts"
import { Renewals } from "./Renewals.ts"
import { untendedSentence } from "./Untended.ts"
import { type Attempt, podOf, type Volume, Volumes } from "./Volume.ts"

/** Renews a volume now and waits at most `patience`. Returns the volume's status afterwards. */
export const renewNow = Effect.fn("driver.renewNow")(function* (volumeId: string, patience: Duration.Duration) {
  const volumes = yield* Volumes
  const found = yield* renewable(volumeId)
  const pod = podOf(found)
  const before = yield* heldSerial(found)
  return yield* begin(volumeId, before).pipe(
    volumes.locked(volumeId),
    Effect.tap(({ attempt, volume }) =>
      Option.isNone(attempt) ? Effect.void : awaitAttempt(volume, attempt.value, patience)
    ),
    Effect.mapError((error) =>
      error._tag === "RenewError" || error._tag === "Unpublished"
        ? error
        : new RenewError({ volumeId, pod, reason: error })
    ),
    Effect.flatMap(({ volume }) => volumeStatus(volume)),
    Effect.annotateLogs({ volumeId, pod })
  )
})

/** The volume as it is in the table now: what a caller knew before it waited may be gone, or published again. */
const renewable = Effect.fnUntraced(function* (volumeId: string) {
  const volumes = yield* Volumes
  const found = yield* volumes.get(volumeId)
  return Option.isSome(found) ? found.value : yield* notRenewable(volumeId)
})

/** Why a volume that is not in the table cannot be renewed. */
const notRenewable = Effect.fnUntraced(function* (volumeId: string) {
  const volumes = yield* Volumes
  const left = (yield* volumes.untended).get(volumeId)
  if (left === undefined) return yield* new Unpublished()
  const foreign = { reason: "Foreign", action: "renew", path: left.target, detail: untendedSentence(left) } as const
  const reason = Result.getOrElse(Result.flip(left.spec), () => new VolumeError(foreign))
  return yield* new RenewError({ volumeId, pod: namespacedName(left.pod), reason })
})

/** The serial number of the certificate that the volume holds; none before the first. */
const heldSerial = ({ record }: Volume) =>
  Effect.map(Ref.get(record), ({ issued }) => Option.map(issued, ({ serialNumber }) => serialNumber))

/** Begins or joins a renewal, unless the certificate has come that followed the one of this serial number. */
const begin = Effect.fnUntraced(function* (volumeId: string, before: Option.Option<string>) {
  const renewals = yield* Renewals
  const volume = yield* renewable(volumeId)
  yield* requireMount(volume)
  const now = yield* heldSerial(volume)
  if (Option.isSome(now) && !Equal.equals(now, before)) {
    yield* Effect.logInfo("renewed already while the operator waited")
    return { volume, attempt: Option.none<Attempt>() }
  }
  yield* Effect.logInfo("renewing now, as an operator asked")
  return { volume, attempt: Option.some(yield* renewals.renewNow(volume)) }
})

const requireMount = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  const path = volume.place.target
  const found = yield* fs.inspect(path)
  if (found === "empty" || found === "filled" || found === "damaged") return
  const detail = `the volume is ${found} at its target; the next publish of the pod mounts it again`
  return yield* new VolumeError({ reason: "Foreign", action: "renew", path, detail })
})
