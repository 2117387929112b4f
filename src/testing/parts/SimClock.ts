/**
 * The clock that a simulated node reads. It shows the simulation's time, skewed by as much as the node's clock is
 * wrong, and its sleepers wake when their time has passed, unless the process that sleeps is frozen: then they wake
 * when it goes on. Time itself is only ever moved by the TestClock underneath.
 */
import { type Clock, type Duration, Effect, type Latch } from "effect"

/** How wrong a node's clock is, in milliseconds: positive is ahead. */
export interface Skew {
  millis: number
}

/** The clock of a process on a node. */
export const makeSimClock = (time: Clock.Clock, skew: Skew, thawed: Latch.Latch): Clock.Clock => {
  const millis = () => time.currentTimeMillisUnsafe() + skew.millis
  const nanos = () => time.currentTimeNanosUnsafe() + BigInt(Math.round(skew.millis)) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    // What measures elapsed time does not jump when the wall clock is set.
    monotonicTimeNanosUnsafe: () => time.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: time.monotonicTimeNanos,
    sleep: (duration: Duration.Duration) => Effect.andThen(time.sleep(duration), thawed.await)
  }
}
