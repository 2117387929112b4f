/**
 * Gives a node back what a burst of publishes has left behind. V8 collects garbage while a program allocates; a node
 * whose pods have all started allocates nothing, and would hold the garbage of its last burst for hours. So once the
 * process is quiet and its heap has grown, the heap is collected, once. A busy process is left alone.
 */
import { performance } from "node:perf_hooks"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect, Layer, Predicate } from "effect"
import { nextLook } from "../../socket/nextLook.ts"

/** What the collector sees of its process, and does to it. */
export interface Heap {
  /** Bytes in use, garbage included. */
  readonly used: () => number
  /** The share of the time since the last look in which the process was busy, 0 to 1. */
  readonly busy: () => number
  readonly collect: () => void
}

/** In bytes: less than this is not worth the pause of some ten milliseconds. */
const worthwhile = 4 * 1024 * 1024
const quiet = 0.1

/** Looks at the heap every ten seconds, for ever. */
export const collectWhenQuiet = (heap: Heap): Effect.Effect<never> =>
  Effect.suspend(() => {
    let left = heap.used()
    const look = Effect.sync(() => {
      const isQuiet = heap.busy() < quiet
      if (!isQuiet || heap.used() - left < worthwhile) return
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
