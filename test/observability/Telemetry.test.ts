import { describe, expect, it } from "@effect/vitest"
import { Duration, Option, Redacted } from "effect"
import { telemetryPlan } from "../../src/observability/Telemetry.ts"

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }
const traces = (variables: Readonly<Record<string, string>>) => Option.getOrThrow(telemetryPlan(variables).traces)
const metrics = (variables: Readonly<Record<string, string>>) => Option.getOrThrow(telemetryPlan(variables).metrics)

describe("OpenTelemetry's variables", () => {
  it("send nothing without an endpoint, or where it is switched off", () => {
    for (const variables of [{}, { ...endpoint, OTEL_SDK_DISABLED: "true" }, { OTEL_SERVICE_NAME: "x" }]) {
      expect(telemetryPlan(variables)).toMatchObject({ traces: Option.none(), metrics: Option.none(), complaints: [] })
    }
  })

  it("send both signals below one endpoint, protobuf, with OpenTelemetry's own defaults", () => {
    const plan = telemetryPlan({ ...endpoint, OTEL_EXPORTER_OTLP_HEADERS: "" })
    expect(plan).toMatchObject({ serviceName: "certlet", sampled: 1, attributes: {}, complaints: [] })
    expect(traces(endpoint)).toMatchObject({
      url: "http://collector:4318/v1/traces",
      encoding: "protobuf",
      compression: "none",
      timeout: Duration.seconds(10),
      interval: Duration.seconds(5)
    })
    expect(metrics(endpoint)).toMatchObject({
      url: "http://collector:4318/v1/metrics",
      interval: Duration.minutes(1)
    })
    expect(traces({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otel/" }).url).toBe("https://c/otel/v1/traces")
  })

  it("let a signal's own variable win over the general one", () => {
    const variables = {
      ...endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/here",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20one, x-scope=a",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=Bearer%20two",
      OTEL_EXPORTER_OTLP_TIMEOUT: "2500",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip"
    }
    expect(traces(variables)).toMatchObject({
      url: "https://traces/here",
      encoding: "json",
      compression: "gzip",
      timeout: Duration.millis(2500)
    })
    expect(Redacted.value(traces(variables).headers)).toEqual({ authorization: "Bearer two", "x-scope": "a" })
    expect(metrics(variables)).toMatchObject({ url: "http://collector:4318/v1/metrics", encoding: "protobuf" })
    expect(Redacted.value(metrics(variables).headers)).toEqual({ authorization: "Bearer one", "x-scope": "a" })
    expect(telemetryPlan({ ...endpoint, OTEL_METRICS_EXPORTER: "none" }).metrics).toEqual(Option.none())
  })

  it("name the service and its attributes", () => {
    const plan = telemetryPlan({ OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=plat%20form" })
    expect(plan).toMatchObject({ serviceName: "a", attributes: { team: "plat form" } })
    expect(telemetryPlan({ OTEL_RESOURCE_ATTRIBUTES: "service.name=a", OTEL_SERVICE_NAME: "b" }).serviceName).toBe("b")
  })

  it.each([
    ["always_on", 1],
    ["parentbased_always_off", 0],
    ["traceidratio", 0.25],
    ["parentbased_traceidratio", 0.25]
  ])("sample by %s", (sampler, share) => {
    const variables = { ...endpoint, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: "0.25" }
    expect(telemetryPlan(variables)).toMatchObject({ sampled: share, complaints: [] })
  })

  it.each([
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", /expected http\/protobuf or http\/json; no traces are sent/],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", /expected an address.*; no traces are sent/],
    ["OTEL_TRACES_EXPORTER", "zipkin", /expected otlp or none; otlp is used/],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s", /milliseconds; 10000 is used/],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote", /every trace is sent/],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a secret", /key=value/],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%zz", /key=value/],
    ["OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", /NODE_EXTRA_CA_CERTS/],
    ["OTEL_SDK_DISABLED", "yes", /true or false; false is used/]
  ])("name what cannot be honoured: %s=%s", (name, value, sentence) => {
    const { complaints } = telemetryPlan({ ...endpoint, [name]: value })
    expect(complaints[0]).toMatch(sentence)
    expect(complaints[0]?.startsWith(`${name}: `)).toBe(true)
    expect(complaints.join()).not.toContain("a secret")
  })
})
