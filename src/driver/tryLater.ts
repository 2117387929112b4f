/**
 * What the disk refused now is done later, because its failure passes and nobody may call again. It is tried under the
 * volume's lock, a second later at first, then after twice as long each time, and once a minute at last. Meanwhile the
 * volume may be published or unpublished: what is tried has to look first.
 */
import { Effect, Schedule } from "effect"
import { asFailure } from "../Defect.ts"
import { Volumes } from "./Volume.ts"

const pauses = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

/** Tries until it succeeds, or has failed `times` times more. */
export const tryLater = Effect.fnUntraced(function* <E, R>(
  volumeId: string,
  attempt: Effect.Effect<void, E, R>,
  times = Number.POSITIVE_INFINITY
) {
  const volumes = yield* Volumes
  yield* Effect.sleep("1 second")
  yield* volumes
    .locked(volumeId)(Effect.uninterruptible(attempt))
    .pipe(asFailure("a defect ended what was tried again"), Effect.retry({ schedule: pauses, times }))
})
