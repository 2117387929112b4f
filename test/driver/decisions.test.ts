/** What the driver logs of its decisions for whoever asks for all of them (`-v 5`), and what it calls a failure. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const logged = <A, E, R>(story: (lines: Array<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(
      ({ logLevel, message }) => void lines.push(`${logLevel} ${String(message).replace(/[0-9a-f-]{36}/, "NAME")}`)
    )
    return story(lines).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Trace")
    )
  })

describe("the log of the driver", () => {
  it.effect("says at -v 5 what was decided", () =>
    logged((lines) =>
      Effect.gen(function* () {
        const driver = yield* startDriver
        yield* during("1 second", driver.publish(publishCall()))
        yield* during("1 second", driver.publish(publishCall()))
        expect(lines.filter((line) => line.startsWith("Trace"))).toEqual([
          "Trace an attempt begins",
          "Trace a new request is made: NAME",
          expect.stringMatching(/^Trace the next certificate is due in 1[56]h/),
          "Trace the volume has its files: nothing is to be done"
        ])
      })
    ).pipe(onNode("decisions"))
  )

  it.effect("calls no first certificate a renewal", () =>
    logged((lines) =>
      Effect.gen(function* () {
        const driver = yield* startDriver
        const cluster = yield* SimControlPlane
        yield* cluster.behave({ approval: { deny: "by policy" } })
        yield* during("61 seconds", Effect.flip(driver.publish(publishCall())))
        const warned = () => lines.filter((line) => /next try in/.test(line))
        expect(warned()).toEqual([expect.stringMatching(/^Warn no certificate yet, next try in/)])
        yield* cluster.behave({ approval: "approve" })
        yield* TestClock.adjust("1 hour")
        yield* during("61 seconds", driver.publish(publishCall("db")))
        yield* cluster.behave({ approval: { deny: "by policy" } })
        yield* TestClock.adjust("17 hours")
        expect(warned().at(-1)).toMatch(/^Warn not renewed, next try in/)
      })
    ).pipe(onNode("failures"))
  )
})
