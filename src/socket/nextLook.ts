/**
 * Timer coalescing: what certlet looks at every ten seconds, its sockets and its heap, it looks at in the same moment.
 * So a node on which nothing happens wakes up once for all of it. To wake up is most of what an idle process costs: on
 * a virtual machine its memory may have to be brought back.
 */
import { Clock, Effect } from "effect"

const period = 10_000
/** A timer may be early by a millisecond, and must not fire twice for that. */
const tooSoon = 1000

/** Waits for the next moment at which everything is looked at: ten seconds, or eleven at the most. */
export const nextLook: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
  const left = period - (now % period)
  return Effect.sleep(left < tooSoon ? left + period : left)
})
