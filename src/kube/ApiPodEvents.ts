/**
 * The `PodEvents` of an API server: Events of the core API (`v1`), created once and counted by a merge patch
 * afterwards. Whoever tells puts a key into a queue and goes on; one fiber writes, one call at a time and seldom more
 * than a few a second, because a node whose issuer is away has the same to tell of every pod. An Event that cannot be
 * written is let go: it is news, not a duty. What it asks for is the right to create and patch Events, and nothing is
 * ever read.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Clock, DateTime, Effect, Layer, Metric, Queue, Schedule } from "effect"
import { asFailure } from "../Defect.ts"
import { Settings } from "../Settings.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import { ApiServer } from "./ApiServer.ts"
import { type CountedEvent, EventLedger } from "./EventLedger.ts"
import { PodEvents } from "./PodEvents.ts"
import { tokenBucket } from "./tokenBucket.ts"

/** Keys that wait to be written; more than a node has pods. */
const longestQueue = 1024
/** Writes at once when it has been quiet, and the pause between them otherwise. */
const pace = { burst: 25, intervalMillis: 200 } as const

const told = Metric.counter("certlet_pod_events_total", {
  description: "Events on pods, by what became of them",
  incremental: true
})
const countEvent = (outcome: "written" | "failed" | "dropped", by = 1) =>
  Metric.update(Metric.withAttributes(told, { outcome }), by)

/** How many wait to be written. */
export const queueLength = Metric.gauge("certlet_pod_events_queue_length", {
  description: "Events on pods that wait to be written, the one on its way included"
})

const collection = (namespace: string) => `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`

/**
 * The same Event has the same name, so that a create that is sent twice makes one. Room is left for a pod's longest
 * name.
 */
const nameOf = ({ event, first }: CountedEvent): string => {
  const hash = bytesToHex(sha256(utf8ToBytes(`${event.pod.uid} ${event.reason} ${first}`)))
  return `${event.pod.name.slice(0, 230)}.${hash.slice(0, 16)}`
}

const timestamp = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const manifest = (counted: CountedEvent, { driverName, nodeId }: Settings["Service"]) => {
  const { note, pod, reason, type } = counted.event
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: nameOf(counted), namespace: pod.namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: pod.namespace, name: pod.name, uid: pod.uid },
    type,
    reason,
    message: note,
    count: counted.count,
    firstTimestamp: timestamp(counted.first),
    lastTimestamp: timestamp(counted.last),
    source: { component: "certlet", host: nodeId },
    reportingComponent: driverName,
    reportingInstance: nodeId
  }
}

const create = (server: ApiServer["Service"], counted: CountedEvent, settings: Settings["Service"]) => {
  const { pod } = counted.event
  return server
    .call({
      action: `create an Event on pod ${namespacedName(pod)}`,
      method: "POST",
      path: collection(pod.namespace),
      body: manifest(counted, settings)
    })
    .pipe(
      Effect.catchIf(
        (error) => error.reason === "Conflict",
        () => Effect.void
      )
    )
}

const count = (server: ApiServer["Service"], counted: CountedEvent) => {
  const { note, pod, type } = counted.event
  return server.call({
    action: `count an Event on pod ${namespacedName(pod)}`,
    method: "PATCH",
    path: `${collection(pod.namespace)}/${encodeURIComponent(nameOf(counted))}`,
    body: { count: counted.count, lastTimestamp: timestamp(counted.last), message: note, type }
  })
}

/** Tries a few times where the API server is only away or busy for a moment. */
const persistent = { schedule: Schedule.exponential("1 second"), times: 3 } as const

const write = Effect.fnUntraced(function* (ledger: EventLedger, key: string) {
  const server = yield* ApiServer
  const settings = yield* Settings
  const counted = ledger.take(key, yield* Clock.currentTimeMillis)
  if (counted === undefined) return
  const attempt =
    counted.written === 0
      ? create(server, counted, settings)
      : // The API server has dropped it meanwhile, so it is created again.
        count(server, counted).pipe(
          Effect.catchIf(
            (error) => error.reason === "Missing",
            () => create(server, counted, settings)
          )
        )
  // A create whose answer was lost may have been done: the Event is counted from then on, and not another one begun.
  let mayExist = counted.written > 0
  yield* attempt.pipe(
    Effect.tapError(({ reason }) => Effect.sync(() => (mayExist ||= reason === "Unavailable"))),
    Effect.retry({ ...persistent, while: ({ reason }) => reason === "Unavailable" || reason === "Throttled" }),
    Effect.matchEffect({
      onSuccess: () => countEvent("written"),
      onFailure: (error) =>
        Effect.gen(function* () {
          if (!mayExist) ledger.forget(key)
          yield* countEvent("failed")
          yield* Effect.logDebug(`${error.message}; the Event is let go`)
        })
    })
  )
})

/** Events at the API server. */
export const layer: Layer.Layer<PodEvents, never, ApiServer | Settings> = Layer.effect(
  PodEvents,
  Effect.gen(function* () {
    const ledger = new EventLedger()
    const waiting = new Set<string>()
    const queue = yield* Queue.dropping<string>(longestQueue)
    const paced = tokenBucket(pace)
    yield* Metric.update(queueLength, 0)
    for (const outcome of ["written", "failed", "dropped"] as const) yield* countEvent(outcome, 0)
    const writeNext = Effect.gen(function* () {
      const key = yield* Queue.take(queue)
      yield* paced
      // Whoever writes the next one must outlive a defect.
      yield* write(ledger, key).pipe(asFailure("a defect kept an Event from being written"), Effect.ignore)
      waiting.delete(key)
      yield* Metric.update(queueLength, waiting.size)
    })
    yield* Effect.forkScoped(Effect.forever(writeNext))
    return PodEvents.of({
      tell: Effect.fnUntraced(function* (event) {
        const key = ledger.count(event, yield* Clock.currentTimeMillis)
        if (key === undefined || waiting.has(key)) return
        if (!(yield* Queue.offer(queue, key))) return yield* countEvent("dropped")
        waiting.add(key)
        yield* Metric.update(queueLength, waiting.size)
      })
    })
  })
)
