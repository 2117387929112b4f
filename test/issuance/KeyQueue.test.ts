import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import type { WantedKey } from "../../src/issuance/KeyGenerator.ts"
import { makeKeyQueue } from "../../src/issuance/KeyQueue.ts"

const wantedBy = (pod: string, volumeId: string, size: number): WantedKey => ({
  parameters: { algorithm: "RSA", size },
  pod,
  volumeId
})

/** A queue whose keys take ten seconds, with a diary of what was begun, made and left unmade. */
const makeShop = () => {
  const queue = makeKeyQueue()
  const diary: Array<string> = []
  const note = (line: string) => Effect.sync(() => void diary.push(line))
  const make = (wanted: WantedKey) =>
    queue.inTurn(
      wanted,
      note(`begin ${wanted.volumeId}`).pipe(
        Effect.andThen(Effect.sleep("10 seconds")),
        Effect.andThen(note(`made ${wanted.volumeId}`)),
        Effect.onInterrupt(() => note(`stop ${wanted.volumeId}`))
      )
    )
  const order = (pod: string, volumeId: string, size: number) => Effect.forkChild(make(wantedBy(pod, volumeId, size)))
  return { queue, diary, order }
}

describe("the queue of keys", () => {
  it.effect("makes two big keys at once, and lets pods take turns", () =>
    Effect.gen(function* () {
      const { diary, order } = makeShop()
      for (const n of [1, 2, 3, 4]) yield* order("greedy", `g${n}`, 8192)
      yield* order("modest", "m1", 4096)
      yield* TestClock.adjust("1 second")
      expect(diary).toEqual(["begin g1", "begin g2"])
      yield* TestClock.adjust("10 seconds")
      expect(diary.slice(2)).toEqual(["made g1", "begin g3", "made g2", "begin m1"])
      yield* TestClock.adjust("20 seconds")
      expect(diary.at(-1)).toBe("made g4")
    })
  )

  it.effect("has seats for RSA-2048 that no bigger key takes, and four of them", () =>
    Effect.gen(function* () {
      const { diary, order } = makeShop()
      for (const n of [1, 2, 3, 4]) yield* order("greedy", `g${n}`, 3072)
      for (const n of [1, 2, 3, 4, 5]) yield* order("modest", `m${n}`, 2048)
      yield* TestClock.adjust("1 second")
      expect(diary).toEqual(["begin g1", "begin g2", "begin m1", "begin m2", "begin m3", "begin m4"])
    })
  )

  it.effect("stops a key that nobody wants any more, and one that still waited is never begun", () =>
    Effect.gen(function* () {
      const { diary, order } = makeShop()
      const unwanted = yield* Effect.forEach([1, 2, 3, 4], (n) => order("greedy", `g${n}`, 8192))
      yield* order("modest", "m1", 8192)
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(unwanted.toReversed(), Fiber.interrupt)
      yield* TestClock.adjust("1 second")
      expect([...diary].sort()).toEqual(["begin g1", "begin g2", "begin m1", "stop g1", "stop g2"])
      yield* TestClock.adjust("10 seconds")
      expect(diary.at(-1)).toBe("made m1")
      expect(diary.length).toBe(6)
    })
  )

  it.effect("gives no seat to a key that has left the line", () =>
    Effect.gen(function* () {
      const { diary, order } = makeShop()
      for (const n of [1, 2]) yield* order("first", `f${n}`, 8192)
      const unwanted = yield* Effect.forEach([1, 2], (n) => order("greedy", `g${n}`, 8192))
      for (const n of [1, 2]) yield* order("modest", `m${n}`, 8192)
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(unwanted, Fiber.interrupt)
      yield* TestClock.adjust("10 seconds")
      expect(diary.filter((line) => line.startsWith("begin"))).toEqual(["begin f1", "begin f2", "begin m1", "begin m2"])
    })
  )

  it.effect("gives a seat on only when the key on it has truly ended, and lets its owner go at once", () =>
    Effect.gen(function* () {
      const queue = makeKeyQueue()
      const stubborn = Effect.uninterruptible(Effect.sleep("10 seconds"))
      const fibers = yield* Effect.forEach([1, 2], (n) =>
        Effect.forkChild(queue.inTurn(wantedBy("greedy", `g${n}`, 8192), stubborn))
      )
      const next = yield* Effect.forkChild(queue.inTurn(wantedBy("modest", "m1", 8192), Effect.void))
      yield* TestClock.adjust("1 second")
      // Would wait for ever if the owner were held up: no time passes here.
      yield* Effect.forEach(fibers, Fiber.interrupt)
      yield* TestClock.adjust("1 second")
      expect(next.pollUnsafe()).toBe(undefined)
      yield* TestClock.adjust("10 seconds")
      expect(next.pollUnsafe()).toEqual(Exit.void)
    })
  )

  it.effect("keeps no seat for keys that could not be made, and says why they could not", () =>
    Effect.gen(function* () {
      const queue = makeKeyQueue()
      for (let n = 0; n < 5; n++) {
        const failed = queue.inTurn(wantedBy("a", `v${n}`, 8192), Effect.fail("no entropy"))
        expect(yield* Effect.flip(failed)).toBe("no entropy")
        const died = queue.inTurn(wantedBy("a", `v${n}`, 8192), Effect.die("a defect"))
        expect(Exit.hasDies(yield* Effect.exit(died))).toBe(true)
      }
      expect(yield* queue.inTurn(wantedBy("a", "v", 8192), Effect.succeed("key"))).toBe("key")
    })
  )

  it.effect("says how many keys come before a volume's, and nothing of a key that is there", () =>
    Effect.gen(function* () {
      const { order, queue } = makeShop()
      for (const n of [1, 2, 3, 4, 5]) yield* order("greedy", `g${n}`, 8192)
      yield* order("modest", "m1", 4096)
      yield* TestClock.adjust("1 second")
      const before = Effect.forEach(["g1", "g3", "g4", "g5", "m1", "x1"], (id) =>
        Effect.map(queue.progress(id), (progress) => Option.getOrUndefined(progress)?.before)
      )
      expect(yield* before).toEqual([0, 2, 4, 5, 3, undefined])
      expect(Option.getOrThrow(yield* queue.progress("m1")).parameters).toEqual({ algorithm: "RSA", size: 4096 })
      yield* TestClock.adjust("10 seconds")
      expect(yield* before).toEqual([undefined, 0, 2, 3, 0, undefined])
      yield* TestClock.adjust("1 minute")
      expect(yield* before).toEqual(Array.from({ length: 6 }, () => undefined))
    })
  )
})
