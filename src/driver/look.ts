/**
 * What a publish finds at a volume that is known: whether its files are whole and its certificate has not expired. What
 * can be repaired on the spot is. A renewal may end while the publish looks, and what it saw is then no longer true: a
 * certificate that was asked for on the strength of it would be one too many.
 */
import { DateTime, Deferred, Effect, Option, Ref } from "effect"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { heal, sweep } from "./heal.ts"
import { runningAttempt } from "./Renewals.ts"
import type { Volume } from "./Volume.ts"

/**
 * What a volume is like. An attempt that ends or a renewal that succeeds while this call looks may have filled it, so
 * it looks again then.
 */
export const look = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  while (true) {
    const underWay = yield* runningAttempt(volume)
    const before = (yield* Ref.get(volume.record)).issued
    const unexpired = yield* isUnexpired(volume)
    yield* sweep(volume)
    const found = yield* fs.inspect(volume.place.target)
    const isWell = unexpired && (found === "filled" || (found === "damaged" && (yield* heal(volume))))
    const hasEnded = Option.isSome(underWay) && (yield* Deferred.isDone(underWay.value))
    const isRenewed = (yield* Ref.get(volume.record)).issued !== before
    if (isWell || !(hasEnded || isRenewed)) return { isWell, unexpired }
  }
})

/** True if the record says that the volume's certificate has not expired. */
const isUnexpired = Effect.fnUntraced(function* (volume: Volume) {
  const { issued } = yield* Ref.get(volume.record)
  const now = yield* DateTime.now
  return Option.exists(issued, ({ notAfter }) => DateTime.isLessThan(now, notAfter))
})
