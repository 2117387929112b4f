/**
 * A limit of a rate: one may pass each interval, and some at once when it has been quiet. Whoever comes too early
 * waits. It holds no fiber and no timer of its own.
 */
import { Clock, Duration, Effect } from "effect"

/** A gate that lets `burst` pass at once and then one each interval; `waiting` is put around each wait. */
export const tokenBucket = (
  { burst, intervalMillis }: { readonly burst: number; readonly intervalMillis: number },
  waiting: (wait: Effect.Effect<void>) => Effect.Effect<void> = (wait) => wait
): Effect.Effect<void> => {
  let next = Number.NEGATIVE_INFINITY
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    next = Math.max(next, now - burst * intervalMillis) + intervalMillis
    return next > now ? waiting(Effect.sleep(Duration.millis(next - now))) : Effect.void
  })
}
