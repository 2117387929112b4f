/**
 * Gives a node back what a burst of publishes has left behind. V8 collects garbage while a program allocates; a node
 * whose pods have all started allocates nothing, and would hold the garbage of its last burst for hours. So once the
 * process is quiet and its heap has grown, the heap is collected, once. A busy process is left alone.
 */
import { performance } from "node:perf_hooks"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Duration, Effect, Layer, Predicate } from "effect"
import { nextLook } from "../../socket/nextLook.ts"

/** What the collector sees of its process, and does to it. */
export interface Heap {
  /** Bytes in use, garbage included. */
  readonly used: () => number
  /** The share of the time since it was last asked for in which the process was busy, 0 to 1. */
  readonly busy: () => number
  readonly collect: () => void
}

/** In bytes: less than this is not worth the pause, of a tenth of a second on a slow machine. */
const worthwhile = 4 * 1024 * 1024
const quiet = 0.1
/** Whether it is quiet is seen from now on: a burst that ended a moment ago is no reason to wait for the next look. */
const sample = Duration.seconds(1)

/** It is sampled again up to the next look: on a busy machine a process that waits for a core looks busy itself. */
const samples = 8

/** True where the process has nothing to do for a second. */
const isQuiet = (heap: Heap): Effect.Effect<boolean> =>
  Effect.sync(heap.busy).pipe(
    Effect.andThen(Effect.sleep(sample)),
    Effect.map(() => heap.busy() < quiet)
  )

/** Waits for such a second until the next look is near. */
const becomesQuiet = (heap: Heap): Effect.Effect<boolean> =>
  Effect.repeat(isQuiet(heap), { until: (isQuiet) => isQuiet, times: samples - 1 })

/** Looks at the heap every ten seconds, for ever. */
export const collectWhenQuiet = (heap: Heap): Effect.Effect<never> =>
  Effect.suspend(() => {
    let left = heap.used()
    const look = Effect.gen(function* () {
      if (heap.used() - left < worthwhile || !(yield* becomesQuiet(heap))) return
      heap.collect()
      left = heap.used()
    })
    return Effect.forever(Effect.andThen(nextLook, look))
  })

/** The collector of V8, which a program gets in a new context after it has asked for it. */
const findCollector = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  const found: unknown = runInNewContext("gc")
  return Predicate.isFunction(found) ? () => void found() : () => undefined
}

const makeHeap = (): Heap => {
  const collect = findCollector()
  let before = performance.eventLoopUtilization()
  return {
    used: () => getHeapStatistics().used_heap_size,
    busy: () => {
      const { utilization } = performance.eventLoopUtilization(before)
      before = performance.eventLoopUtilization()
      return utilization
    },
    collect
  }
}

/** Collects as long as the process serves. */
export const layer = Layer.effectDiscard(Effect.forkScoped(Effect.suspend(() => collectWhenQuiet(makeHeap()))))
