/**
 * Keys made ahead of time. The key that most pods get takes a core for a tenth of a second, nearly all of what a
 * publish costs; made while nothing is under way it costs a publish nothing. The pool is filled one by one, and only
 * after nobody has wanted a key for a while, so that a burst of publishes is no slower than without a pool. A key is
 * handed out once and lies nowhere but in memory. Pure: what a key is and how it is made is the owner's business.
 */
import { Clock, Duration, Effect, Option } from "effect"

/** Keys that are ready. */
export interface KeyPool<A> {
  /** A key that is ready; none where the pool is empty. It belongs to the caller alone. */
  readonly take: Effect.Effect<Option.Option<A>>
  /** Somebody wants a key of any kind: the pool is not filled while others need the processors. */
  readonly stayBack: Effect.Effect<void>
  /** Fills the pool again and again, for ever; the keys that are left are forgotten at its end. */
  readonly fill: Effect.Effect<never>
}

/** How long nobody must have wanted a key before one is made for the pool. */
export const quietTime = Duration.seconds(2)
const lookEvery = Duration.divideUnsafe(quietTime, 4)

/** A pool of so many keys, empty at first. `make` makes one; where it fails it is tried again later. */
export const makeKeyPool = <A, E>(size: number, make: Effect.Effect<A, E>): KeyPool<A> => {
  const ready: Array<A> = []
  let lastWanted = 0
  const stayBack = Effect.map(Clock.currentTimeMillis, (now) => {
    lastWanted = now
  })
  // A clock that is set back must not keep the pool empty until it has caught up.
  const isQuiet = Effect.map(
    Clock.currentTimeMillis,
    (now) => Math.abs(now - lastWanted) >= Duration.toMillis(quietTime)
  )
  const addOne = Effect.flatMap(isQuiet, (quiet) =>
    quiet && ready.length < size ? Effect.map(make, (key) => void ready.push(key)) : Effect.void
  )
  return {
    take: Effect.sync(() => Option.fromUndefinedOr(ready.shift())),
    stayBack,
    fill: Effect.forever(Effect.andThen(Effect.ignore(addOne), Effect.sleep(lookEvery))).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          ready.length = 0
        })
      )
    )
  }
}
