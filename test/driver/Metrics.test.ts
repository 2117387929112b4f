import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { volumeStatus } from "../../src/driver/inspectVolume.ts"
import { exposition, measure } from "../../src/driver/Metrics.ts"
import { makeVolume } from "../../src/driver/Volume.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"
import { settings } from "../kit/settings.ts"

const fresh = <A, E, R>(story: Effect.Effect<A, E, R>) =>
  story.pipe(onNode("metrics"), Effect.provideService(Metric.MetricRegistry, new Map()))

/** The value of a series in the text format; undefined where it is not there. */
const readSeries = (text: string, series: string): number | undefined => {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

const count = (text: string, name: string) => text.split("\n").filter((line) => line.startsWith(`${name}{`)).length

const issuedFor = (requestName: string) => {
  const at = (millis: number) => DateTime.makeUnsafe(millis)
  return { requestName, serialNumber: "01", notBefore: at(0), renewAt: at(57_600_000), notAfter: at(86_400_000) }
}

const requested = 'certmanager_csi_issue_requests_total{node="node-1"}'
const unissued = 'certmanager_csi_issue_errors_total{node="node-1"}'

describe("metrics", () => {
  it.effect("start with zeros, count requests and errors, and follow the volumes", () =>
    fresh(
      Effect.gen(function* () {
        const driver = yield* startDriver
        const cluster = yield* SimControlPlane
        const empty = yield* driver.metrics
        expect(readSeries(empty, requested)).toBe(0)
        expect(readSeries(empty, unissued)).toBe(0)
        yield* during("1 second", driver.publish(publishCall("web")))
        const [request] = yield* cluster.present
        const text = yield* driver.metrics
        expect(readSeries(text, requested)).toBe(1)
        expect(readSeries(text, 'certmanager_csi_managed_volume_count{node="node-1"}')).toBe(1)
        expect(readSeries(text, 'certmanager_csi_managed_certificate_request_count{node="node-1"}')).toBe(1)
        const line = text.split("\n").find((line) => line.includes("_expiration_timestamp_seconds{"))
        expect(line).toContain(`name="${request?.name}"`)
        expect(line).toContain('namespace="apps"')
        expect(line).toContain('issuer_name="ca"')
        // A day from the virtual clock's beginning.
        expect(Number(line?.split(" ").at(-1))).toBe(86_400)
        yield* cluster.behave({ api: "Unavailable" })
        yield* TestClock.adjust("20 hours")
        expect(readSeries(yield* driver.metrics, unissued)).toBeGreaterThan(5)
        expect(readSeries(yield* driver.metrics, requested)).toBe(2)
        yield* driver.unpublish(publishCall("web"))
        const after = yield* driver.metrics
        expect(count(after, "certmanager_csi_certificate_request_expiration_timestamp_seconds")).toBe(0)
      })
    )
  )

  it.effect("say of every volume which condition holds, and leave no series of those that are gone", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }), (published, unpublished) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const driver = yield* startDriver
              const requests = Array.from({ length: published }, (_, i) => publishCall(`pod-${i}`))
              yield* during("1 second", Effect.forEach(requests, driver.publish, { discard: true }))
              yield* Effect.forEach(requests.slice(0, unpublished), driver.unpublish, { discard: true })
              const left = Math.max(0, published - unpublished)
              const text = yield* driver.metrics
              expect(count(text, "certmanager_csi_certificate_request_ready_status")).toBe(3 * left)
              expect(text.match(/ready_status\{.*condition="True".*\} 1$/gm) ?? []).toHaveLength(left)
            }).pipe(fresh, Effect.provide(TestClock.layer()))
          )
        ),
        { numRuns: 15 }
      )
    )
  )

  it.effect("time each step, and count renewals by outcome and temper", () =>
    fresh(
      Effect.gen(function* () {
        const driver = yield* startDriver
        const cluster = yield* SimControlPlane
        yield* cluster.behave({ approval: "hold", issuer: "hold" })
        yield* Effect.forkChild(driver.publish(publishCall("web")))
        yield* TestClock.adjust("20 seconds")
        yield* cluster.behave({ approval: "approve" })
        yield* TestClock.adjust("7 seconds")
        yield* cluster.behave({ issuer: "sign" })
        yield* TestClock.adjust("1 second")
        const text = yield* driver.metrics
        const sum = (step: string) => readSeries(text, `certlet_publish_step_duration_seconds_sum{step="${step}"}`)
        expect(sum("approval")).toBe(20)
        expect(sum("signature")).toBe(7)
        for (const step of ["mount", "key", "submit", "write"]) expect(sum(step)).toBe(0)
        expect(readSeries(text, 'certlet_call_duration_seconds_sum{call="publish",outcome="success"}')).toBe(27)
        const renewals = (kind: string, outcome: string, temper: string) =>
          readSeries(text, `certlet_renewals_total{kind="${kind}",outcome="${outcome}",temper="${temper}"}`)
        expect(renewals("issue", "success", "none")).toBe(1)
        yield* cluster.behave({ approval: { deny: "by policy" } })
        yield* TestClock.adjust("17 hours")
        const denied = yield* driver.metrics
        expect(
          readSeries(denied, 'certlet_renewals_total{kind="renew",outcome="failure",temper="refused"}')
        ).toBeGreaterThan(1)
        expect(readSeries(denied, 'certlet_volumes{state="Failing"}')).toBe(1)
        expect(readSeries(denied, 'certlet_volumes{state="Ready"}')).toBe(0)
      })
    )
  )

  it.effect("say how long it is until the first certificate expires, and for whom requests wait", () =>
    fresh(
      Effect.gen(function* () {
        const driver = yield* startDriver
        const cluster = yield* SimControlPlane
        expect(yield* driver.metrics).not.toContain("certlet_nearest_expiry_seconds{")
        yield* during("1 second", driver.publish(publishCall("long")))
        yield* during("1 second", driver.publish(publishCall("short", { "csi.cert-manager.io/duration": "2h" })))
        expect(readSeries(yield* driver.metrics, "certlet_nearest_expiry_seconds")).toBeCloseTo(7200, -1)
        yield* cluster.behave({ approval: "hold" })
        yield* TestClock.adjust("3 hours")
        const text = yield* driver.metrics
        expect(readSeries(text, "certlet_nearest_expiry_seconds")).toBeCloseTo(-3600, -1)
        expect(readSeries(text, 'certlet_requests_open{waits_for="approval"}')).toBe(1)
        expect(readSeries(text, 'certlet_volumes{state="Expired"}')).toBe(1)
      })
    )
  )

  it.effect("have five series for a volume and as many others as ever, with many volumes and after them", () =>
    fresh(
      Effect.gen(function* () {
        const driver = yield* startDriver
        const series = Effect.map(driver.metrics, (text) => text.match(/^[a-z]/gm)?.length ?? 0)
        const publish = (pod: string) =>
          driver.publish(publishCall(pod, { "csi.cert-manager.io/key-algorithm": "Ed25519" }))
        // A certificate adds no series to a volume's five, and signing takes time.
        yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ approval: "hold" }))
        const publishAll = (pods: ReadonlyArray<string>) =>
          Effect.andThen(
            Effect.forkChild(Effect.forEach(pods, publish, { discard: true, concurrency: "unbounded" })),
            TestClock.adjust("1 second")
          )
        yield* publishAll(["first"])
        yield* driver.unpublish(publishCall("first"))
        yield* TestClock.adjust("1 second")
        const none = yield* series
        const pods = Array.from({ length: 40 }, (_, i) => `pod-${i}`)
        yield* publishAll(pods)
        expect(yield* series).toBe(none + 5 * 40)
        yield* Effect.forEach(pods, (pod) => driver.unpublish(publishCall(pod)), { discard: true })
        expect(yield* series).toBe(none)
      })
    )
  )

  it.effect("of a thousand volumes are five thousand series, and a few dozen", () =>
    fresh(
      Effect.gen(function* () {
        const volumes = yield* Effect.forEach(
          Array.from({ length: 1000 }, (_, i) => publishCall(`pod-${i}`)),
          (request) =>
            Effect.flatMap(decodeVolumeSpec(request.context, settings), (spec) =>
              makeVolume(spec, {
                ...request,
                version: 1,
                issued: Option.some(issuedFor(request.volumeId)),
                pending: Option.none()
              })
            )
        )
        const text = yield* exposition(
          yield* measure(yield* Effect.forEach(volumes, volumeStatus), { nodeId: "node-1", keepsKeys: true })
        )
        expect(count(text, "certmanager_csi_certificate_request_ready_status")).toBe(3000)
        expect(text.match(/^[a-z]/gm)?.length).toBeLessThan(5100)
      })
    )
  )
})
