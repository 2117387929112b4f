import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { Status } from "../../src/csi/Status.ts"
import { tellCall } from "../../src/csi/tellCall.ts"

const told = (exit: Exit.Exit<unknown, Status>) =>
  Effect.gen(function* () {
    const lines: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      lines.push([logLevel, String(message), fiber.getRef(References.CurrentLogAnnotations)])
    })
    const begun = yield* DateTime.now
    yield* TestClock.adjust("1500 millis")
    yield* tellCall({ method: "NodePublishVolume", volumeId: "csi-1", begun }, exit).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Trace")
    )
    return lines
  })

describe("a call of the kubelet", () => {
  it.effect("is one line at -v 3, with its end, its time and its volume", () =>
    Effect.gen(function* () {
      const about = { volumeId: "csi-1", millis: 1500 }
      expect(yield* told(Exit.void)).toEqual([["Debug", "NodePublishVolume: answered OK", about]])
      expect(yield* told(Exit.fail(new Status({ code: "UNAVAILABLE", sentence: "no\nserver" })))).toEqual([
        ["Debug", "NodePublishVolume: refused with UNAVAILABLE: no server", about]
      ])
      expect(yield* told(Exit.interrupt())).toEqual([["Debug", "NodePublishVolume: cancelled by its caller", about]])
    })
  )

  it.effect("that dies is told at every verbosity", () =>
    Effect.gen(function* () {
      expect(yield* told(Exit.die(new Error("defect")))).toMatchObject([["Error", "NodePublishVolume died", {}]])
    })
  )
})
