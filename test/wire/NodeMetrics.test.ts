import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import * as NodeMetrics from "../../src/observability/NodeMetrics.ts"
import { Settings } from "../../src/Settings.ts"
import { freePort } from "../kit/freePorts.ts"
import { settings } from "../kit/settings.ts"
import { makeRecorder } from "./RecordingDriver.ts"

const serveAt = (port: number) =>
  Effect.flatMap(
    makeRecorder(() => Effect.void),
    ({ driver }) =>
      Layer.build(
        NodeMetrics.layer.pipe(
          Layer.provide([
            driver,
            Layer.succeed(Settings, {
              ...settings,
              metricsBindAddress: Option.some({ host: Option.some("127.0.0.1"), port })
            })
          ])
        )
      )
  )

const get = (port: number, path: string, method = "GET") =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
  })

describe("the metrics server", () => {
  it.live("answers /metrics and nothing else", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* serveAt(port)
      const { status, text } = yield* get(port, "/metrics")
      expect(status).toBe(200)
      expect(text).toMatch(/^recorded_total 1\n/)
      expect(text).toMatch(/\nprocess_resident_memory_bytes \d{8,}\n/)
      expect((yield* get(port, "/metrics")).type).toContain("text/plain; version=0.0.4")
      expect(yield* get(port, "/metrics", "HEAD")).toMatchObject({ status: 200, text: "" })
      expect((yield* get(port, "/metrics", "HEAD")).type).toContain("text/plain; version=0.0.4")
      expect((yield* get(port, "/")).status).toBe(404)
      expect((yield* get(port, "/metrics", "POST")).status).toBe(404)
    })
  )

  it.live("names its flag when the address is taken", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* serveAt(port)
      const error = yield* Effect.flip(serveAt(port))
      expect(error.message).toMatch(/^--metrics-bind-address: .*EADDRINUSE/)
    })
  )
})
