/**
 * What the driver counts and what it can say of its volumes, in the names that cert-manager's csi-driver uses and in
 * some of its own (`certlet_`). Counters and histograms grow as things happen and carry no label of a volume, so that
 * they stay as few as they are however many volumes come and go; the gauges of volumes are made at each
 * look, so that a volume that is gone leaves no series behind. How the text reaches a scraper is the live
 * side's business.
 */
import { DateTime, Duration, Effect, Metric, Option } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { Health, isWell } from "../Health.ts"
import { type Lack, lackKinds } from "../issuance/lacksOf.ts"
import type { Temper } from "../Temper.ts"
import { version } from "../Version.ts"
import { VolumeState, type VolumeStatus } from "./VolumeStatus.ts"

const issueRequests = Metric.counter("certmanager_csi_issue_requests_total", {
  description: "The number of certificates that were asked for",
  incremental: true
})
const issueErrors = Metric.counter("certmanager_csi_issue_errors_total", {
  description: "The number of attempts that brought no certificate",
  incremental: true
})

/** Counts CertificateRequests that were begun: first issues and renewals, not those that were picked up again. */
export const countRequested = (node: string, by = 1): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(issueRequests, { node }), by)

/** Counts attempts that brought no certificate. */
export const countUnissued = (node: string, by = 1): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(issueErrors, { node }), by)

/**
 * What a publish, and a renewal, consists of; `key` holds the signing request too, `write` the check of the
 * certificate.
 */
export type Step = "mount" | "key" | "submit" | "approval" | "signature" | "write"

/** In seconds: from what a mount takes to what people take. */
const stepBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]

const steps = Metric.histogram("certlet_publish_step_duration_seconds", {
  description: "How long each step to a certificate in a volume took",
  boundaries: stepBounds
})

/** Counts a step that has ended. */
export const observeStep = (step: Step, took: Duration.Duration): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(steps, { step }), Duration.toSeconds(took))

const calls = Metric.histogram("certlet_call_duration_seconds", {
  description: "How long calls of the kubelet took, by how they ended: success, or the temper of the failure",
  boundaries: stepBounds.filter((bound) => bound <= 300)
})

/** Times a call of the kubelet. An interrupted one is not counted: it has no end of its own. */
export const timeCall =
  (call: "publish" | "unpublish") =>
  <A, E extends { readonly temper: Temper }, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const began = yield* DateTime.now
      const count = (outcome: string) =>
        Effect.flatMap(DateTime.now, (now) =>
          Metric.update(
            Metric.withAttributes(calls, { call, outcome }),
            Duration.toSeconds(DateTime.distance(began, now))
          )
        )
      return yield* program.pipe(
        Effect.tap(() => count("success")),
        Effect.tapError((error) => count(error.temper))
      )
    })

const renewals = Metric.counter("certlet_renewals_total", {
  description: "Attempts at a certificate: first ones and renewals, by outcome and by the temper of the failure",
  incremental: true
})

/** Counts an attempt that has ended, once unless `by` says otherwise; without a temper it has succeeded. */
export const countRenewal = (kind: "issue" | "renew", temper?: Temper, by = 1): Effect.Effect<void> =>
  Metric.update(
    Metric.withAttributes(renewals, {
      kind,
      outcome: temper === undefined ? "success" : "failure",
      temper: temper ?? "none"
    }),
    by
  )

const lacking = Metric.counter("certlet_certificates_lacking_total", {
  description: "Certificates in use that lack something of what was requested, by its kind",
  incremental: true
})

/** Counts a certificate for each kind of thing that it lacks. */
export const countLacks = (lacks: ReadonlyArray<Pick<Lack, "kind">>, by = 1): Effect.Effect<void> =>
  Effect.forEach(
    new Set(lacks.map(({ kind }) => kind)),
    (lacks) => Metric.update(Metric.withAttributes(lacking, { lacks }), by),
    { discard: true }
  )

const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const peerGauge = (name: string, description: string) => gauge(`certmanager_csi_${name}`, description)

const volumeCount = peerGauge("managed_volume_count", "The volumes of this node")
const requestCount = peerGauge(
  "managed_certificate_request_count",
  "The CertificateRequests of this node: one for each certificate in a volume, and those that are open"
)
const expiration = peerGauge(
  "certificate_request_expiration_timestamp_seconds",
  "When the certificate runs out, in seconds since 1970; 0 where there is none yet"
)
const renewal = peerGauge(
  "certificate_request_renewal_timestamp_seconds",
  "When the next certificate is due, in seconds since 1970; 0 where there is none yet"
)
const ready = peerGauge("certificate_request_ready_status", "1 for the condition that holds, 0 for the others")

const states = gauge("certlet_volumes", "The volumes of this node by state")
const refusals = gauge(
  "certlet_volumes_refused",
  "Volumes that keep their files although certlet refuses what their pods ask for: a new pod would get no certificate"
)
const open = gauge("certlet_requests_open", "CertificateRequests that are waited for, by what they wait for")
const oldest = gauge(
  "certlet_request_oldest_seconds",
  "How long the oldest open CertificateRequest has waited, by what it waits for; 0 where none does"
)
const readiness = gauge("certlet_ready", "1 where /readyz would say ok")
const complaints = gauge(
  "certlet_complaints",
  "What /readyz complains of, by the first word of the check: watch, registration, ending"
)
const nearestExpiry = gauge(
  "certlet_nearest_expiry_seconds",
  "Seconds until the first certificate of this node runs out; below 0 where it has; none where there is no certificate"
)
const dataRoot = gauge(
  "certlet_data_root_in_memory",
  "1 where the data root is in memory; 0 where it is on a disk, and pending requests are asked for again after a restart"
)
const information = gauge("certlet_build_info", "1, with the version of certlet as a label")

const seconds = (time: DateTime.Utc | undefined): number =>
  time === undefined ? 0 : Math.floor(DateTime.toEpochMillis(time) / 1000)

const set = (metric: Metric.Gauge<number>, value: number, labels: Readonly<Record<string, string>> = {}) =>
  Metric.update(Metric.withAttributes(metric, labels), value)

/**
 * The series of one volume: five, in the peer's names. The peer has no label for the pod; `pod` would be taken for
 * certlet's own by a scraper that names its targets.
 */
const describe = Effect.fnUntraced(function* ({ certificate, issuer, pending, pod }: VolumeStatus) {
  const labels = {
    name: certificate?.requestName ?? pending?.requestName ?? "",
    namespace: pod.namespace,
    pod_name: pod.name,
    issuer_name: issuer.name,
    issuer_kind: issuer.kind,
    issuer_group: issuer.group
  }
  yield* set(expiration, seconds(certificate?.notAfter), labels)
  yield* set(renewal, seconds(certificate?.renewAt), labels)
  const holds = certificate === undefined ? "Unknown" : "True"
  for (const condition of ["True", "False", "Unknown"]) {
    yield* set(ready, condition === holds ? 1 : 0, { ...labels, condition })
  }
})

const count = <Key extends string>(keys: ReadonlyArray<Key>, found: ReadonlyArray<Key | undefined>) =>
  keys.map((key) => [key, found.filter((one) => one === key).length] as const)

/** What is measured of the node itself. */
interface NodeFacts {
  readonly nodeId: string
  /** True where the data root is in memory. */
  readonly keepsKeys: boolean
}

/** True of the volumes that certlet renews. */
const isTended = ({ state }: VolumeStatus): boolean => state !== "Inherited" && state !== "Refused"

/** The series of the node as a whole. */
const summarise = Effect.fnUntraced(function* (all: ReadonlyArray<VolumeStatus>, node: NodeFacts) {
  const volumes = all.filter(isTended)
  yield* set(information, 1, { version })
  yield* set(dataRoot, node.keepsKeys ? 1 : 0)
  yield* set(volumeCount, volumes.length, { node: node.nodeId })
  const requests = volumes
    .flatMap(({ certificate, pending }) => [certificate, pending])
    .filter((one) => one !== undefined)
  yield* set(requestCount, requests.length, { node: node.nodeId })
  const found = all.map(({ state }) => state)
  for (const [state, many] of count(VolumeState.literals, found)) yield* set(states, many, { state })
  yield* set(refusals, all.filter(({ refused }) => refused !== undefined).length)
  const awaited = volumes.map(({ pending }) => pending?.waitsFor)
  const now = DateTime.toEpochMillis(yield* DateTime.now)
  for (const [waitsFor, many] of count(["approval", "signature", "the API server"], awaited)) {
    const since = volumes.flatMap(({ pending }) =>
      pending?.waitsFor === waitsFor ? [pending.since.epochMilliseconds] : []
    )
    yield* set(open, many, { waits_for: waitsFor })
    yield* set(oldest, (now - since.reduce((a, b) => Math.min(a, b), now)) / 1000, { waits_for: waitsFor })
  }
  const ends = all.flatMap(({ certificate }) =>
    certificate === undefined ? [] : [DateTime.toEpochMillis(certificate.notAfter)]
  )
  if (ends.length > 0) yield* set(nearestExpiry, Math.round(ends.reduce((a, b) => Math.min(a, b)) - now) / 1000)
})

/** What the board of health says, in numbers. */
const summariseHealth = Effect.gen(function* () {
  const answers = yield* (yield* Health).look
  yield* set(readiness, isWell(answers) ? 1 : 0)
  const found = answers.flatMap(({ complaint, name }) => (Option.isSome(complaint) ? [name.split(" ")[0]] : []))
  for (const [check, many] of count(["watch", "registration", "ending"], found)) yield* set(complaints, many, { check })
})

/** Metrics by their names and labels, as `Metric.MetricRegistry` holds them. */
export type Registry = Metric.MetricRegistry

/** Everything there is to measure at this moment: what has been counted, and how the volumes are. */
export const measure = Effect.fnUntraced(function* (
  volumes: ReadonlyArray<VolumeStatus>,
  node: NodeFacts
): Effect.fn.Return<Registry> {
  // A zero is said as well: a series that appears with its first event hides that event from every rate.
  yield* countRequested(node.nodeId, 0)
  yield* countUnissued(node.nodeId, 0)
  for (const temper of [undefined, "refused", "waiting", "transient", "defect"] as const) {
    for (const kind of ["issue", "renew"] as const) yield* countRenewal(kind, temper, 0)
  }
  yield* countLacks(
    lackKinds.map((kind) => ({ kind })),
    0
  )
  const counted = yield* Metric.MetricRegistry
  const gauges: Registry = new Map()
  yield* Effect.gen(function* () {
    yield* summarise(volumes, node)
    yield* summariseHealth
    yield* Effect.forEach(volumes.filter(isTended), describe, { discard: true })
  }).pipe(Effect.provideService(Metric.MetricRegistry, gauges))
  return new Map([...counted, ...gauges])
})

/**
 * The other driver's gauges end in `_count`, which Prometheus' linter wants of histograms alone: it has no objection to
 * a series without a type, and a query sees no difference.
 */
const withoutType = (text: string): string =>
  text.replaceAll(/^(# TYPE certmanager_csi_\w+_count) gauge$/gm, "$1 untyped")

/** What was measured, in the Prometheus text format. */
export const exposition = (measured: Registry): Effect.Effect<string> =>
  Effect.map(PrometheusMetrics.format(), (text) => `${withoutType(text)}\n`).pipe(
    Effect.provideService(Metric.MetricRegistry, measured)
  )
