/**
 * What OpenTelemetry's standard variables (`OTEL_*`) ask for: where traces and metrics are to be sent, how often,
 * under which name, and how many traces. Nothing is sent unless an endpoint is named. A value that cannot be honoured
 * is never ignored in silence: it becomes a sentence that names the variable and says what happens instead. Pure;
 * headers, which may hold tokens, are Redacted.
 */
import { Duration, Option, Redacted, Result } from "effect"

/** The variables of the process. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Where one kind of signal is sent, and how. */
export interface TelemetryTarget {
  readonly url: string
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  readonly encoding: "protobuf" | "json"
  readonly compression: "gzip" | "none"
  /** How long the collector may take to answer. */
  readonly timeout: Duration.Duration
  /** How long is collected before it is sent. */
  readonly interval: Duration.Duration
}

/** Everything that was asked for. */
export interface TelemetryPlan {
  readonly traces: Option.Option<TelemetryTarget>
  readonly metrics: Option.Option<TelemetryTarget>
  /** The share of traces that is sent, from 0 to 1. */
  readonly sampled: number
  readonly serviceName: string
  readonly attributes: Readonly<Record<string, string>>
  /** What could not be honoured, a sentence each. */
  readonly complaints: ReadonlyArray<string>
}

type Signal = "TRACES" | "METRICS"

/** Reads variables, and remembers what was wrong with them. */
class Reader {
  readonly complaints: Array<string> = []
  readonly #variables: Variables

  constructor(variables: Variables) {
    this.#variables = variables
  }

  /** A variable's text; an empty one counts as not set, as OpenTelemetry has it. */
  text(...names: ReadonlyArray<string>): { readonly name: string; readonly value: string } | undefined {
    for (const name of names) {
      const value = this.#variables[name]?.trim()
      if (value !== undefined && value !== "") return { name, value }
    }
    return undefined
  }

  /** What a rule makes of the first variable that is set, else, and after a complaint, the value otherwise. */
  read<A>(
    names: ReadonlyArray<string>,
    rule: (text: string) => A | undefined,
    expected: string,
    otherwise: { readonly value: A; readonly so: string }
  ): A {
    const found = this.text(...names)
    if (found === undefined) return otherwise.value
    const read = rule(found.value)
    if (read !== undefined) return read
    this.complain(found.name, expected, otherwise.so)
    return otherwise.value
  }

  /** The value itself is not repeated: it may be a secret in the wrong place. */
  complain(name: string, expected: string, so: string): void {
    this.complaints.push(`${name}: expected ${expected}; ${so}`)
  }

  /** `key=value,key=value`, with percent-encoding. */
  pairs(...names: ReadonlyArray<string>): Readonly<Record<string, string>> {
    const found = this.text(...names)
    if (found === undefined) return {}
    const entries: Array<readonly [string, string]> = []
    for (const part of found.value.split(",").filter((part) => part.trim() !== "")) {
      const [, key = "", value = ""] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(part) ?? []
      const decoded = Result.try(() => [decodeURIComponent(key), decodeURIComponent(value.trim())] as const)
      if (key !== "" && Result.isSuccess(decoded)) entries.push(decoded.success)
      else this.complain(found.name, "key=value pairs with commas between, percent-encoded", "the others are taken")
    }
    return Object.fromEntries(entries)
  }
}

const millis =
  (least: number) =>
  (text: string): Duration.Duration | undefined =>
    /^\d{1,9}$/.test(text) && Number(text) >= least ? Duration.millis(Number(text)) : undefined

const urlOf = (text: string): string | undefined =>
  /^https?:\/\/[^\s/]+/.test(text) && URL.canParse(text) ? text : undefined

const withoutSlashes = (url: string): string => {
  let end = url.length
  while (url[end - 1] === "/") end--
  return url.slice(0, end)
}

const endpoint = (reader: Reader, signal: Signal): string | undefined => {
  const otherwise = { value: undefined, so: `no ${signal.toLowerCase()} are sent` }
  const expected = "an address such as http://collector:4318"
  const own = `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`
  if (reader.text(own) !== undefined) return reader.read<string | undefined>([own], urlOf, expected, otherwise)
  const base = reader.read<string | undefined>(["OTEL_EXPORTER_OTLP_ENDPOINT"], urlOf, expected, otherwise)
  return base === undefined ? undefined : `${withoutSlashes(base)}/v1/${signal.toLowerCase()}`
}

/** True where this signal is to be sent by OTLP, which is OpenTelemetry's default wherever an endpoint is named. */
const isWanted = (reader: Reader, signal: Signal): boolean =>
  reader.read(
    [`OTEL_${signal}_EXPORTER`],
    (text) => (text === "otlp" ? true : text === "none" ? false : undefined),
    "otlp or none",
    { value: true, so: "otlp is used" }
  )

const encodings = { "http/protobuf": "protobuf", "http/json": "json" } as const

const encodingOf = (reader: Reader, signal: Signal): TelemetryTarget["encoding"] | undefined => {
  const found = reader.text(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL")
  if (found === undefined) return "protobuf"
  if (found.value === "http/protobuf" || found.value === "http/json") return encodings[found.value]
  // A collector's gRPC port does not understand HTTP: sending there all the same would only look as if it worked.
  reader.complain(found.name, "http/protobuf or http/json", `no ${signal.toLowerCase()} are sent`)
  return undefined
}

const targetOf = (
  reader: Reader,
  signal: Signal,
  interval: { readonly variable: string; readonly value: Duration.Duration }
): Option.Option<TelemetryTarget> => {
  const url = isWanted(reader, signal) ? endpoint(reader, signal) : undefined
  const encoding = url === undefined ? undefined : encodingOf(reader, signal)
  if (url === undefined || encoding === undefined) return Option.none()
  const general = (what: string) => [`OTEL_EXPORTER_OTLP_${signal}_${what}`, `OTEL_EXPORTER_OTLP_${what}`] as const
  const ca = reader.text(...general("CERTIFICATE"))
  if (ca !== undefined) reader.complain(ca.name, "nothing", "name the file in NODE_EXTRA_CA_CERTS instead")
  return Option.some({
    url,
    encoding,
    headers: Redacted.make({ ...reader.pairs("OTEL_EXPORTER_OTLP_HEADERS"), ...reader.pairs(general("HEADERS")[0]) }),
    compression: reader.read(
      general("COMPRESSION"),
      (text) => (text === "gzip" || text === "none" ? text : undefined),
      "gzip or none",
      { value: "none", so: "none is used" }
    ),
    timeout: reader.read(general("TIMEOUT"), millis(1), "milliseconds", {
      value: Duration.seconds(10),
      so: "10000 is used"
    }),
    interval: reader.read([interval.variable], millis(100), "at least 100 milliseconds", {
      value: interval.value,
      so: `${Duration.toMillis(interval.value)} is used`
    })
  })
}

const samplers = ["always_on", "always_off", "traceidratio"]

/**
 * A trace begins with a call of the kubelet or with a renewal, so that a parent's sampler has never decided before
 * ours.
 */
const sampledShare = (reader: Reader): number => {
  const name = "OTEL_TRACES_SAMPLER"
  const known = (text: string) => (samplers.includes(text.replace(/^parentbased_/, "")) ? text : undefined)
  const expected = `${samplers.join(", ")}, or one of them after parentbased_`
  const sampler = reader.read([name], known, expected, { value: "always_on", so: "every trace is sent" })
  if (sampler.endsWith("always_on")) return 1
  if (sampler.endsWith("always_off")) return 0
  const share = (text: string) => {
    const number = /^[0-9.]+$/.test(text) ? Number(text) : Number.NaN
    return number >= 0 && number <= 1 ? number : undefined
  }
  return reader.read(["OTEL_TRACES_SAMPLER_ARG"], share, "a number from 0 to 1", {
    value: 1,
    so: "every trace is sent"
  })
}

/** What the variables ask for. */
export const telemetryPlan = (variables: Variables): TelemetryPlan => {
  const reader = new Reader(variables)
  const attributes = reader.pairs("OTEL_RESOURCE_ATTRIBUTES")
  const isOff = reader.read(
    ["OTEL_SDK_DISABLED"],
    (text) => (/^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined),
    "true or false",
    { value: false, so: "false is used" }
  )
  const batches = { variable: "OTEL_BSP_SCHEDULE_DELAY", value: Duration.seconds(5) }
  const readings = { variable: "OTEL_METRIC_EXPORT_INTERVAL", value: Duration.minutes(1) }
  const traces = isOff ? Option.none() : targetOf(reader, "TRACES", batches)
  const metrics = isOff ? Option.none() : targetOf(reader, "METRICS", readings)
  return {
    traces,
    metrics,
    sampled: Option.isSome(traces) ? sampledShare(reader) : 0,
    serviceName: reader.text("OTEL_SERVICE_NAME")?.value ?? attributes["service.name"] ?? "certlet",
    attributes,
    complaints: [...new Set(reader.complaints)]
  }
}
