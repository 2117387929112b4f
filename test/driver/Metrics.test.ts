import { describe, expect, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { SimCluster } from "../../src/testing/SimCertificateRequests.ts"
import { during, onNode, publishRequest, startDriver } from "./World.ts"

const fresh = <A, E, R>(story: Effect.Effect<A, E, R>) =>
  story.pipe(onNode("metrics"), Effect.provideService(Metric.MetricRegistry, new Map()))

/** The value of a series in the text format; undefined where it is not there. */
const readSeries = (text: string, series: string): number | undefined => {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

const count = (text: string, name: string) => text.split("\n").filter((line) => line.startsWith(`${name}{`)).length

describe("metrics", () => {
  it.effect("start with zeros, count requests and errors, and follow the volumes", () =>
    fresh(
      Effect.gen(function* () {
        const driver = yield* startDriver
        const cluster = yield* SimCluster
        const empty = yield* driver.metrics
        expect(readSeries(empty, "certmanager_csi_issue_requests_total")).toBe(0)
        expect(readSeries(empty, "certmanager_csi_issue_errors_total")).toBe(0)
        yield* during("1 second", driver.publish(publishRequest("web")))
        const [request] = yield* cluster.present
        const text = yield* driver.metrics
        expect(readSeries(text, "certmanager_csi_issue_requests_total")).toBe(1)
        expect(readSeries(text, 'certmanager_csi_managed_volume_count_total{node="node-1"}')).toBe(1)
        const line = text.split("\n").find((line) => line.includes("_expiration_timestamp_seconds{"))
        expect(line).toContain(`name="${request?.name}"`)
        expect(line).toContain('namespace="apps"')
        expect(line).toContain('issuer_name="ca"')
        // A day from the virtual clock's beginning.
        expect(Number(line?.split(" ").at(-1))).toBe(86_400)
        yield* cluster.behave({ api: "Unavailable" })
        yield* TestClock.adjust("20 hours")
        expect(readSeries(yield* driver.metrics, "certmanager_csi_issue_errors_total")).toBeGreaterThan(5)
        expect(readSeries(yield* driver.metrics, "certmanager_csi_issue_requests_total")).toBe(2)
        yield* driver.unpublish(publishRequest("web"))
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
              const requests = Array.from({ length: published }, (_, i) => publishRequest(`pod-${i}`))
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
})
