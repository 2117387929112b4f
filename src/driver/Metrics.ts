/**
 * What the driver counts and what it can say of its volumes, in the names that cert-manager's csi-driver uses. Counters grow as
 * things happen; gauges are made afresh from the volumes whenever somebody looks, so that a volume that is gone leaves no
 * series behind. How the text reaches a scraper is the live side's business.
 */
import { DateTime, Effect, Metric, Ref } from "effect"
import { PrometheusMetrics } from "effect/observability"
import type { Volume } from "./Volume.ts"

/** CertificateRequests that were begun: first issues and renewals, not those that were picked up again. */
export const issueRequests = Metric.counter("certmanager_csi_issue_requests_total", {
  description: "The number of certificates that were asked for",
  incremental: true
})

/** Attempts that brought no certificate. */
export const issueErrors = Metric.counter("certmanager_csi_issue_errors_total", {
  description: "The number of attempts that brought no certificate",
  incremental: true
})

const gauge = (name: string, description: string) => Metric.gauge(`certmanager_csi_${name}`, { description })

const volumeCount = gauge("managed_volume_count_total", "The volumes of this node")
const expiration = gauge(
  "certificate_request_expiration_timestamp_seconds",
  "When the certificate runs out, in seconds since 1970; 0 where there is none yet"
)
const renewal = gauge(
  "certificate_request_renewal_timestamp_seconds",
  "When the next certificate is due, in seconds since 1970; 0 where there is none yet"
)
const ready = gauge("certificate_request_ready_status", "1 for the condition that holds, 0 for the others")

const seconds = (time: DateTime.Utc | undefined): number =>
  time === undefined ? 0 : Math.floor(DateTime.toEpochMillis(time) / 1000)

const describe = (volume: Volume) =>
  Effect.gen(function* () {
    const { issued, pending } = yield* Ref.get(volume.record)
    const { issuer, pod } = volume.spec
    const labels = {
      name: issued?.requestName ?? pending?.requestName ?? "",
      namespace: pod.namespace,
      issuer_name: issuer.name,
      issuer_kind: issuer.kind,
      issuer_group: issuer.group
    }
    const set = (of: Metric.Gauge<number>, value: number, more: Readonly<Record<string, string>> = {}) =>
      Metric.update(Metric.withAttributes(of, { ...labels, ...more }), value)
    yield* set(expiration, seconds(issued?.notAfter))
    yield* set(renewal, seconds(issued?.renewAt))
    const holds = issued === undefined ? "Unknown" : "True"
    for (const condition of ["True", "False", "Unknown"]) yield* set(ready, condition === holds ? 1 : 0, { condition })
  })

/** Everything that can be scraped, in the Prometheus text format. */
export const exposition = (volumes: Iterable<Volume>, node: string) =>
  Effect.gen(function* () {
    // A zero is said as well: a series that appears with its first event hides that event from every rate.
    yield* Metric.update(issueRequests, 0)
    yield* Metric.update(issueErrors, 0)
    const counters = yield* PrometheusMetrics.format()
    const gauges = yield* Effect.gen(function* () {
      const all = [...volumes]
      yield* Metric.update(Metric.withAttributes(volumeCount, { node }), all.length)
      yield* Effect.forEach(all, describe, { discard: true })
      return yield* PrometheusMetrics.format()
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    return `${counters}\n${gauges}\n`
  })
