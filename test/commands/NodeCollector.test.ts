/** What a burst leaves behind is given back once the process is quiet. */
import { describe, expect, it } from "@effect/vitest"
import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { collectWhenQuiet } from "../../src/commands/run/NodeCollector.ts"

const mib = 1024 * 1024

/** A process whose heap and load a test sets. */
const watched = Effect.gen(function* () {
  const state = { used: 30 * mib, busy: 0, busyUntilNow: 0, asked: 0, collections: 0 }
  yield* Effect.forkScoped(
    collectWhenQuiet({
      used: () => state.used,
      // Each look asks twice: for the time before it, and for the second after.
      busy: () => (state.asked++ % 2 === 0 ? state.busyUntilNow : state.busy),
      collect: () => {
        state.collections += 1
        state.used = 32 * mib
      }
    })
  )
  const later = (change: Partial<typeof state>, time: Duration.Input = "1 minute") =>
    Effect.as(
      Effect.andThen(
        Effect.sync(() => Object.assign(state, change)),
        TestClock.adjust(time)
      ),
      state
    )
  yield* later({})
  return later
})

describe("the collector", () => {
  it.effect("leaves a heap alone that has not grown", () =>
    Effect.gen(function* () {
      const later = yield* watched
      expect((yield* later({ used: 33 * mib })).collections).toBe(0)
    })
  )

  it.effect("waits until the process is quiet, and collects once", () =>
    Effect.gen(function* () {
      const later = yield* watched
      expect((yield* later({ used: 60 * mib, busy: 0.8 })).collections).toBe(0)
      expect((yield* later({ busy: 0.01 })).collections).toBe(1)
      expect((yield* later({})).collections).toBe(1)
      expect((yield* later({ used: 50 * mib })).collections).toBe(2)
    })
  )

  it.effect("waits for a second in which nothing is to be done, and not for the next look", () =>
    Effect.gen(function* () {
      const later = yield* watched
      expect((yield* later({ used: 60 * mib, busy: 0.5 }, "13 seconds")).collections).toBe(0)
      expect((yield* later({ busy: 0.01 }, "3 seconds")).collections).toBe(1)
    })
  )

  it.effect("does not mind a burst that is over when it looks", () =>
    Effect.gen(function* () {
      const later = yield* watched
      expect((yield* later({ used: 60 * mib, busyUntilNow: 0.9 })).collections).toBe(1)
    })
  )
})
