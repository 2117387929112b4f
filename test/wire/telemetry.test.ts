/**
 * What an OpenTelemetry collector hears of a real certlet: a collector that decodes what arrives, a node that
 * publishes, is denied and renews. The path of a publish is the names of its spans, the metrics are a scraper's, and
 * nothing of it is a secret.
 */
import { readFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { eventually } from "../kit/until.ts"
import { startNode } from "./LiveNode.ts"

const Values = Schema.Array(
  Schema.Struct({ key: Schema.String, value: Schema.Struct({ stringValue: Schema.optionalKey(Schema.String) }) })
)
const Resource = Schema.Struct({ attributes: Values })

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeSpans: Schema.Array(
        Schema.Struct({
          spans: Schema.Array(
            Schema.Struct({
              traceId: Schema.String,
              spanId: Schema.String,
              parentSpanId: Schema.optionalKey(Schema.String),
              name: Schema.String,
              attributes: Values,
              status: Schema.Struct({ code: Schema.Number, message: Schema.optionalKey(Schema.String) })
            })
          )
        })
      )
    })
  )
})

const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Schema.Struct({ name: Schema.String })) }))
    })
  )
})

interface Arrival {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A collector that keeps what arrives; at first it is not well. */
const startCollector = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly arrivals: Array<Arrival>; readonly close: () => void }>((resume) => {
    const arrivals: Array<Arrival> = []
    const server = createServer((request, response) => {
      const parts: Array<Buffer> = []
      request.on("data", (part: Buffer) => parts.push(part))
      request.on("end", () => {
        const body = Buffer.concat(parts)
        const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString("utf8")
        arrivals.push({ path: request.url ?? "", headers: request.headers, text })
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, arrivals, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const textOf = (arrivals: ReadonlyArray<Arrival>, path: string) => arrivals.filter((arrival) => arrival.path === path)

const spansIn = (arrivals: ReadonlyArray<Arrival>) =>
  textOf(arrivals, "/v1/traces")
    .map(({ text }) => Schema.decodeUnknownSync(Schema.fromJsonString(Traces))(text))
    .flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)))

type Span = ReturnType<typeof spansIn>[number]

/** `csi.publish > driver.publish > ...`: the names from the root to a span. */
const pathOf = (spans: ReadonlyArray<Span>, span: Span): string => {
  const parent = spans.find(({ spanId, traceId }) => spanId === span.parentSpanId && traceId === span.traceId)
  return parent === undefined ? span.name : `${pathOf(spans, parent)} > ${span.name}`
}

const attribute = (values: typeof Values.Type, key: string) =>
  values.find((value) => value.key === key)?.value.stringValue

const variables = (url: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20for-the-collector",
  OTEL_BSP_SCHEDULE_DELAY: "200",
  OTEL_METRIC_EXPORT_INTERVAL: "500",
  OTEL_RESOURCE_ATTRIBUTES: "cluster=east",
  OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "soon"
})

describe("a collector", () => {
  it.live("hears a publish as its path, and of a refusal the sentence; and no secret", () =>
    Effect.gen(function* () {
      const { arrivals, url } = yield* startCollector
      const metricsAway = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://127.0.0.1:1/v1/metrics" }
      const node = yield* startNode([], () => ({ ...variables(url), ...metricsAway }))
      yield* node.publish("web", {
        "csi.cert-manager.io/pkcs12-enable": "true",
        "csi.cert-manager.io/pkcs12-password": "hush-hush"
      })
      yield* node.cluster.behave({ approval: { deny: "not today" } })
      yield* Effect.flip(node.publish("denied"))
      yield* node.kubelet.unpublish(node.request("web"))
      yield* eventually(
        "the span of the unpublish",
        Effect.sync(() => spansIn(arrivals).find(({ name }) => name === "csi.unpublish"))
      )
      const spans = spansIn(arrivals)
      const paths = spans.map((span) => pathOf(spans, span))
      const renew = "csi.publish > driver.publish > driver.renew"
      expect(paths).toContain(`${renew} > issuance.issue > KeyGenerator.generate`)
      expect(paths).toContain(`${renew} > issuance.issue > CertificateRequests.submit`)
      expect(paths).toContain(`${renew} > issuance.issue > CertificateRequests.await`)
      expect(paths).toContain(`${renew} > VolumeFS.write`)
      expect(paths).toContain("csi.publish > driver.publish > VolumeFS.mount")
      const publishes = spans.filter(({ name }) => name === "driver.publish")
      expect(publishes.map(({ attributes }) => attribute(attributes, "pod")).sort()).toEqual([
        "apps/denied",
        "apps/web"
      ])
      const denied = publishes.find(({ attributes }) => attribute(attributes, "pod") === "apps/denied")
      expect(denied?.status.message).toMatch(/^CertificateRequest apps\/.*not today$/)
      const issues = spans.filter(({ name }) => name === "issuance.issue")
      expect(attribute(issues[0]?.attributes ?? [], "request")).toMatch(/^apps\/[0-9a-f-]{36}$/)
      const everything = arrivals.map(({ text }) => text).join("\n")
      for (const secret of ["hush-hush", "PRIVATE KEY", "for-the-collector"]) expect(everything).not.toContain(secret)
      expect(arrivals[0]?.headers).toMatchObject({
        authorization: "Bearer for-the-collector",
        "content-encoding": "gzip"
      })
      expect(node.log()).toContain("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: expected milliseconds; 10000 is used")
      yield* eventually(
        "a complaint in the log",
        Effect.sync(() => node.log().includes("metrics do not reach http://127.0.0.1:1/v1/metrics: "))
      )
      expect(node.log()).not.toContain("for-the-collector")
    })
  )

  it.live(
    "hears the metrics that a scraper sees, with no series of a volume that is gone; a renewal is a trace of its own",
    () =>
      Effect.gen(function* () {
        const { arrivals, url } = yield* startCollector
        const node = yield* startNode([], () => variables(url))
        yield* node.publish("web", {
          "csi.cert-manager.io/duration": "10s",
          "csi.cert-manager.io/renew-before": "9s"
        })
        const key = readFileSync(join(node.request("web").target, "tls.key"), "utf8").split("\n")[1] ?? ""
        const last = () => textOf(arrivals, "/v1/metrics").at(-1)
        yield* eventually(
          "the metrics of a request",
          Effect.sync(() => last()?.text.includes("certmanager_csi_certificate_request_ready_status"))
        )
        const { resourceMetrics } = Schema.decodeUnknownSync(Schema.fromJsonString(Metrics))(last()?.text ?? "")
        const names = resourceMetrics.flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))
        )
        for (const name of ["certlet_volumes", "certlet_renewals_total", "certlet_publish_step_duration_seconds"]) {
          expect(names).toContain(name)
        }
        const { attributes } = resourceMetrics[0]?.resource ?? { attributes: [] }
        const said = ["service.name", "cluster", "k8s.node.name"].map((name) => attribute(attributes, name))
        expect(said).toEqual(["certlet", "east", "node-1"])
        yield* eventually(
          "the span of a renewal",
          Effect.sync(() => {
            const spans = spansIn(arrivals)
            return spans
              .map((span) => pathOf(spans, span))
              .find((path) => /^driver\.due > driver\.renew > issuance\.issue$/.test(path))
          })
        )
        yield* node.kubelet.unpublish(node.request("web"))
        yield* eventually(
          "the metrics of the request to go",
          Effect.sync(() => last()?.text.includes("_ready_status") !== true)
        )
        expect(arrivals.map(({ text }) => text).join("\n")).not.toContain(key)
      })
  )
})
