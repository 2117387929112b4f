import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { partApart } from "../../src/commands/partApart.ts"

const named = { does: "paint", file: "certlet-paint.mjs" }

describe("a part apart", () => {
  it.effect("gives what comes of it", () =>
    Effect.gen(function* () {
      const painted = partApart(
        named,
        () => Promise.resolve({ colour: "green" }),
        ({ colour }) => Promise.resolve(colour)
      )
      expect(yield* painted).toBe("green")
    })
  )

  it.effect("says which file is missing, and where it belongs", () =>
    Effect.gen(function* () {
      const missing = partApart(
        named,
        () => Promise.reject(new Error("not found")),
        () => Promise.resolve("")
      )
      expect((yield* Effect.flip(missing)).message).toBe(
        "cannot paint (certlet-paint.mjs must lie in the folder of certlet.mjs): Error: not found"
      )
    })
  )

  it.live("is told of an interruption, which waits until it has cleared up", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const steps: Array<string> = []
      const painting = partApart(
        named,
        () => Promise.resolve({}),
        (_part, signal) =>
          new Promise<string>((_resolve, reject) => {
            signal.addEventListener("abort", () => {
              steps.push("told")
              queueMicrotask(() => {
                steps.push("cleared up")
                reject(new Error("interrupted"))
              })
            })
            Deferred.doneUnsafe(begun, Exit.void)
          })
      )
      const fiber = yield* Effect.forkChild(painting)
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(steps).toEqual(["told", "cleared up"])
    })
  )
})
