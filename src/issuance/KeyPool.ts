/**
 * Keys made ahead of time. The key that most pods get takes a core for a tenth of a second, nearly all of what a
 * publish costs; made while nothing is under way it costs a publish nothing. The pool is filled one by one, and only
 * after nobody has wanted a key for a while, so that a burst of publishes is no slower than without a pool. A full pool
 * sleeps until a key is taken. A key is handed out once and lies nowhere but in memory. Pure: what a key is and how it
 * is made is the owner's business.
 */
import { Clock, Duration, Effect, Latch, Option } from "effect"

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
/** Between two keys for the pool, whoever else wants the processor gets it. */
const betweenKeys = Duration.millis(500)

/** A pool of so many keys, empty at first. `make` makes one; where it fails it is tried again later. */
export const makeKeyPool = <A, E>(size: number, make: Effect.Effect<A, E>): KeyPool<A> => {
  const ready: Array<A> = []
  const lacksKeys = Latch.makeUnsafe(size > 0)
  let lastWanted = 0
  const stayBack = Effect.map(Clock.currentTimeMillis, (now) => {
    lastWanted = now
  })
  // A clock that is set back must not keep the pool empty until it has caught up.
  const untilQuiet = Effect.map(Clock.currentTimeMillis, (now) =>
    Math.max(0, Duration.toMillis(quietTime) - Math.abs(now - lastWanted))
  )
  const awaitQuiet: Effect.Effect<void> = Effect.flatMap(untilQuiet, (millis) =>
    millis === 0 ? Effect.void : Effect.andThen(Effect.sleep(Duration.millis(millis)), awaitQuiet)
  )
  const keep = (key: A) => {
    ready.push(key)
    if (ready.length >= size) lacksKeys.closeUnsafe()
  }
  const takeOne = Effect.sync(() => {
    const key = Option.fromUndefinedOr(ready.shift())
    if (ready.length < size) lacksKeys.openUnsafe()
    return key
  })
  const addOne = lacksKeys.await.pipe(
    Effect.andThen(awaitQuiet),
    Effect.andThen(Effect.ignore(Effect.map(make, keep))),
    Effect.andThen(Effect.sleep(betweenKeys))
  )
  return {
    take: Effect.andThen(stayBack, takeOne),
    stayBack,
    fill: Effect.forever(addOne).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          ready.length = 0
        })
      )
    )
  }
}
