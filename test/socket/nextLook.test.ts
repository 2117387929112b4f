/** What is looked at every ten seconds is looked at together. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { nextLook } from "../../src/socket/nextLook.ts"

/** The moments at which somebody looks who begins at `from`, in milliseconds. */
const looksFrom = Effect.fnUntraced(function* (from: number) {
  const looks: Array<number> = []
  const look = Effect.map(Clock.currentTimeMillis, (now) => void looks.push(now))
  yield* TestClock.setTime(from)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(nextLook, look)))
  return looks
})

describe("looks that are coalesced", () => {
  it.effect("are at the same moments, whenever they began", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* looksFrom(1_234), yield* looksFrom(5_678)]
      yield* TestClock.setTime(35_000)
      expect(one).toEqual([10_000, 20_000, 30_000])
      expect(other).toEqual(one)
    })
  )

  it.effect("are no two where a timer fires a little early", () =>
    Effect.gen(function* () {
      const looks = yield* looksFrom(9_999)
      yield* TestClock.setTime(25_000)
      expect(looks).toEqual([20_000])
    })
  )
})
