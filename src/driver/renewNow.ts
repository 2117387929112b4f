/**
 * An operator wants a volume's next certificate now. It is the same renewal that would have come by itself, only earlier: one
 * that is running is joined, a pause is cut short, and the pod keeps its old files until the new ones are complete. A volume
 * that has no mount to write to is left alone, for its publish to mend.
 */
import { type Duration, Effect, Option } from "effect"
import { VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import { awaitAttempt } from "./awaitAttempt.ts"
import { RenewError, Unpublished } from "./DriverError.ts"
import { volumeStatus } from "./inspectVolume.ts"
import { Renewals } from "./Renewals.ts"
import { podOf, type Volume, Volumes } from "./Volume.ts"

/** Renews a volume now, and waits for it as long as the patience lasts; the answer is how the volume is afterwards. */
export const renewNow = Effect.fn("driver.renewNow")(function* (volumeId: string, patience: Duration.Duration) {
  const volumes = yield* Volumes
  const volume = Option.getOrUndefined(yield* volumes.get(volumeId))
  if (volume === undefined) return yield* new Unpublished()
  return yield* begin(volume).pipe(
    volumes.locked(volumeId),
    Effect.flatMap((attempt) => awaitAttempt(volume, attempt, patience)),
    Effect.mapError((error) =>
      error._tag === "RenewError" || error._tag === "Unpublished"
        ? error
        : new RenewError({ volumeId, pod: podOf(volume.spec), reason: error })
    ),
    Effect.andThen(volumeStatus(volume)),
    Effect.annotateLogs({ volumeId, pod: podOf(volume.spec) })
  )
})

const begin = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  const renewals = yield* Renewals
  const path = volume.place.target
  const found = yield* fs.inspect(path)
  if (found !== "empty" && found !== "filled" && found !== "damaged") {
    const detail = `the volume is ${found} at its target; the pod's next publish makes it anew`
    return yield* new VolumeError({ reason: "Foreign", action: "renew", path, detail })
  }
  yield* Effect.logInfo("renewing now, as an operator asks")
  return yield* renewals.renewNow(volume)
})
