/** Keys made ahead of time, while nobody wants one. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { makeKeyPool, quietTime } from "../../src/issuance/KeyPool.ts"

/** A pool whose keys are numbers in the order of their making. */
const pool = (size: number, make?: (made: number) => Effect.Effect<number, string>) => {
  const state = { made: 0 }
  const one = Effect.suspend(() => (make ?? Effect.succeed)(++state.made))
  return { ...makeKeyPool(size, one), state }
}

describe("a pool of keys", () => {
  it.effect("is filled while nobody wants a key, and not beyond its size", () =>
    Effect.gen(function* () {
      const { fill, state, take } = pool(4)
      yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("1 minute")
      expect(state.made).toBe(4)
      yield* take
      yield* TestClock.adjust("1 minute")
      expect(state.made).toBe(5)
    })
  )

  it.effect("gives each key once, and none where it is empty", () =>
    Effect.gen(function* () {
      const { fill, take } = pool(3)
      yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("1 minute")
      const taken = yield* Effect.all([take, take, take, take])
      expect(taken).toEqual([Option.some(1), Option.some(2), Option.some(3), Option.none()])
    })
  )

  it.effect("wakes up for nothing while it is full", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const state = { sleeps: 0 }
      const sleep = (duration: Duration.Duration) =>
        Effect.suspend(() => {
          state.sleeps++
          return clock.sleep(duration)
        })
      const { fill, take } = pool(4)
      yield* Effect.forkScoped(Effect.provideService(fill, Clock.Clock, { ...clock, sleep }))
      yield* TestClock.adjust("1 minute")
      const filled = state.sleeps
      yield* TestClock.adjust("1 day")
      expect(state.sleeps).toBe(filled)
      yield* take
      yield* TestClock.adjust("1 day")
      expect(state.sleeps - filled).toBeLessThanOrEqual(3)
    })
  )

  it.effect("makes no key where it may hold none", () =>
    Effect.gen(function* () {
      const { fill, state, take } = pool(0)
      yield* Effect.forkScoped(fill)
      expect(yield* take).toEqual(Option.none())
      yield* TestClock.adjust("1 minute")
      expect(state.made).toBe(0)
    })
  )

  it.effect("is left alone as long as others want keys", () =>
    Effect.gen(function* () {
      const { fill, state, stayBack, take } = pool(4)
      yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("1 minute")
      yield* Effect.all([take, take])
      for (let i = 0; i < 60; i++) yield* Effect.andThen(stayBack, TestClock.adjust("1 second"))
      expect(state.made).toBe(4)
      yield* TestClock.adjust(quietTime)
      yield* TestClock.adjust("1 minute")
      expect(state.made).toBe(6)
    })
  )

  it.effect("makes one key at a time", () =>
    Effect.gen(function* () {
      const { fill, state } = pool(4, (made) => Effect.as(Effect.sleep("10 seconds"), made))
      yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("9 seconds")
      expect(state.made).toBe(1)
    })
  )

  it.effect("tries again where a key could not be made", () =>
    Effect.gen(function* () {
      const { fill, take } = pool(1, (made) => (made < 5 ? Effect.fail("no entropy") : Effect.succeed(made)))
      yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("1 minute")
      expect(yield* take).toEqual(Option.some(5))
    })
  )

  it.effect("is filled again after the clock was set back by a day", () =>
    Effect.gen(function* () {
      const { fill, state, take } = pool(1)
      yield* TestClock.setTime(Date.UTC(2026, 0, 2))
      yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("1 minute")
      yield* take
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      yield* TestClock.adjust("2 days")
      expect(state.made).toBeGreaterThan(1)
    })
  )

  it.effect("forgets its keys at its end", () =>
    Effect.gen(function* () {
      const { fill, take } = pool(4)
      const filling = yield* Effect.forkScoped(fill)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.interrupt(filling)
      expect(yield* take).toEqual(Option.none())
    })
  )
})
