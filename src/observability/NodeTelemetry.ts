/**
 * The door to an OpenTelemetry collector: traces of what the kubelet asks for and of each renewal, and the same
 * metrics that a scraper sees, sent over HTTP where the standard `OTEL_*` variables name an endpoint. A collector that
 * is away costs nobody anything but a warning in the log. What leaves is names and times: of an error only the
 * sentence that certlet would also write into a pod's Event, and of a defect nothing, because nobody has checked its
 * text for secrets.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import {
  Cause,
  Duration,
  Effect,
  Exit,
  Layer,
  Metric,
  Option,
  Random,
  Redacted,
  References,
  Schedule,
  Tracer
} from "effect"
import { HttpClient } from "effect/http"
import { OtlpExporter, OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import { Driver } from "../driver/Driver.ts"
import { Settings } from "../Settings.ts"
import { version } from "../Version.ts"
import { type TelemetryPlan, type TelemetryTarget, telemetryPlan } from "./Telemetry.ts"

const plan = telemetryPlan(process.env)

/** Whom and what a collector hears. */
const resourceOf = ({ attributes, serviceName }: TelemetryPlan, { driverName, nodeId }: Settings["Service"]) => ({
  serviceName,
  serviceVersion: version,
  attributes: {
    "service.instance.id": nodeId,
    "k8s.node.name": nodeId,
    "certlet.driver": driverName,
    ...attributes
  }
})

const optionsOf = (target: TelemetryTarget, settings: Settings["Service"]) => ({
  url: target.url,
  headers: Redacted.value(target.headers),
  compression: target.compression,
  exportInterval: target.interval,
  shutdownTimeout: Duration.seconds(3),
  resource: resourceOf(plan, settings)
})

/**
 * Says when a collector is away, and when it is there again; the library itself gives it up in silence for a minute.
 */
const watchful = Effect.fnUntraced(function* (what: string, { timeout, url }: TelemetryTarget) {
  let away = false
  const failed = (why: string) =>
    Effect.suspend(() => {
      if (away) return Effect.void
      away = true
      return Effect.logWarning(`${what} do not reach ${url}: ${why}; they are dropped until they do`)
    })
  const arrived = Effect.suspend(() => {
    if (!away) return Effect.void
    away = false
    return Effect.logInfo(`${what} reach ${url} again`)
  })
  return (yield* HttpClient.HttpClient).pipe(
    HttpClient.transformResponse((response) =>
      Effect.timeoutOrElse(response, {
        duration: timeout,
        orElse: () => {
          const why = `no answer within ${Duration.format(timeout)}`
          return Effect.andThen(failed(why), Effect.die(new Error(why)))
        }
      })
    ),
    HttpClient.tap(({ status }) => (status < 400 ? arrived : failed(`it answered ${status}`))),
    HttpClient.tapError((error) => failed(error.message))
  )
})

const exporting = (what: string, target: TelemetryTarget) =>
  Layer.mergeAll(
    Layer.effect(HttpClient.HttpClient, watchful(what, target)).pipe(Layer.provide(NodeHttpClient.layerNodeHttp)),
    target.encoding === "json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf
  )

/** What of a failure may leave the node. */
const told = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit)) return Exit.void
  if (Cause.hasInterruptsOnly(exit.cause)) return exit
  const error = Cause.findErrorOption(exit.cause)
  const message = Option.match(error, {
    onNone: () => "a defect; certlet's log on this node says more",
    onSome: (error) => (error instanceof Error ? error.message : "failed")
  })
  return Exit.fail({ name: Option.isSome(error) ? nameOf(error.value) : "Defect", message })
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "Error")

/** The share of traces that is sent is drawn where a trace begins; the rest of it follows its beginning. */
const discreet = (inner: Tracer.Tracer, share: number): Effect.Effect<Tracer.Tracer> =>
  Effect.map(Random.Random, (random) =>
    Tracer.make({
      span: (options) => {
        const begins = options.root || Option.isNone(options.parent)
        const sampled = options.sampled && (begins ? random.nextDoubleUnsafe() < share : true)
        const span = inner.span({ ...options, sampled })
        const end = span.end.bind(span)
        span.end = (at, exit) => end(at, told(exit))
        return span
      }
    })
  )

/** Sends traces where the variables ask for it, and says what of the variables cannot be honoured. */
export const layer: Layer.Layer<never, never, Settings> = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    for (const complaint of plan.complaints) yield* Effect.logWarning(complaint)
    // Spans that go nowhere would cost every publish a twentieth of its time.
    if (Option.isNone(plan.traces)) return Layer.succeed(References.TracerEnabled, false)
    const target = plan.traces.value
    yield* Effect.logInfo(`sending traces to ${target.url}`)
    return Layer.effect(
      Tracer.Tracer,
      Effect.flatMap(OtlpTracer.make(optionsOf(target, settings)), (inner) => discreet(inner, plan.sampled))
    ).pipe(Layer.provide([exporting("traces", target), OtlpExporter.layerFlusher]))
  })
)

/** Measures into a registry of its own, so that what is sent has no series of a volume that is gone. */
const measuring = Effect.fnUntraced(function* (interval: Duration.Duration) {
  const driver = yield* Driver
  const registry: Metric.MetricRegistry = new Map()
  const measure = Effect.map(driver.measure, (measured) => {
    registry.clear()
    for (const [key, metric] of measured) registry.set(key, metric)
  })
  yield* measure
  // Shortly before each export, which looks at the registry and at nothing else.
  yield* Effect.delay(measure, Duration.times(interval, 0.9)).pipe(
    Effect.andThen(Effect.repeat(measure, Schedule.spaced(interval))),
    Effect.forkScoped
  )
  return registry
})

/** Sends metrics where the variables ask for it. */
export const metricsLayer: Layer.Layer<never, never, Driver | Settings> = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    if (Option.isNone(plan.metrics)) return Layer.empty
    const target = plan.metrics.value
    yield* Effect.logInfo(`sending metrics to ${target.url}`)
    return Layer.effectDiscard(
      Effect.flatMap(measuring(target.interval), (registry) =>
        Effect.provideService(OtlpMetrics.make(optionsOf(target, settings)), Metric.MetricRegistry, registry)
      )
    ).pipe(Layer.provide([exporting("metrics", target), OtlpExporter.layerFlusher]))
  })
)
