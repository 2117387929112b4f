import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import * as ApiPodEvents from "../../src/kube/ApiPodEvents.ts"
import * as KubeApiServer from "../../src/kube/KubeApiServer.ts"
import { PodEvents } from "../../src/kube/PodEvents.ts"
import { Settings } from "../../src/Settings.ts"
import { EventScene, laws, type SeenEvent } from "../../src/testing/contract/podEvents.ts"
import * as SimControlPlane from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { kubeSettings, settings } from "../kit/settings.ts"

/** Nothing that was told waits to be written. */
const idle = Effect.map(Metric.value(ApiPodEvents.queueLength), ({ value }) => value === 0)

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const simScene = Layer.effect(
  EventScene,
  Effect.gen(function* () {
    const { present } = yield* SimEvents
    const { behave } = yield* SimControlPlane.SimControlPlane
    return EventScene.of({
      seen: Effect.gen(function* () {
        while (!(yield* idle)) yield* TestClock.adjust(0)
        return (yield* present).map(({ count, event }) => ({
          podUid: event.pod.uid,
          reason: event.reason,
          note: event.note,
          count
        }))
      }),
      silence: behave({ api: "Unavailable" })
    })
  })
)

describe("the simulated PodEvents", () => {
  const node = Layer.provideMerge(simScene, Layer.provide(SimControlPlane.layer, Layer.succeed(Settings, settings)))
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

interface StoredEvent {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly involvedObject: { readonly uid: string; readonly kind: string }
  readonly reason: string
  message: string
  count: number
  lastTimestamp: string
}

const bodyOf = async (request: IncomingMessage) => {
  const parts: Array<Buffer> = []
  for await (const part of request) parts.push(part)
  return JSON.parse(Buffer.concat(parts).toString("utf8"))
}

/** As much of an API server as keeps Events: create, and merge patches of fields that stand at the top. */
class EventServer {
  readonly events = new Map<string, StoredEvent>()
  silent = false
  /** The statuses of the next answers to creates; 0 writes the Event, and its answer is lost. */
  creates: Array<number> = []

  readonly answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (this.silent) return
    const body = await bodyOf(request)
    const url = new URL(request.url ?? "", "http://server")
    const name = request.method === "POST" ? body.metadata.name : url.pathname.split("/")[6]
    const key = `${url.pathname.split("/")[4]}/${name}`
    const known = this.events.get(key)
    const trouble = request.method === "POST" ? this.creates.shift() : undefined
    if (trouble !== undefined && trouble > 0) return void response.writeHead(trouble).end("{}")
    const [status, answer] =
      request.method === "POST"
        ? known === undefined
          ? [201, body]
          : [409, { message: "exists" }]
        : known === undefined
          ? [404, { message: "not found" }]
          : [200, { ...known, ...body }]
    if (status < 400) this.events.set(key, answer)
    if (trouble === 0) return void response.destroy()
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer))
  }
}

class Server extends Context.Service<Server, EventServer>()("test/EventServer") {}

/** A server in this process, the live side against it, and a scene that waits until nothing is on its way any more. */
const live = Layer.effectContext(
  Effect.gen(function* () {
    const state = new EventServer()
    const http = createServer((request, response) => void state.answer(request, response))
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        http.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          http.closeAllConnections()
          http.close()
        })
    )
    const { port } = http.address() as AddressInfo
    // client-node speaks plain HTTP only where nothing is to be verified.
    const server = Option.some(`http://127.0.0.1:${port}`)
    const kube = { ...kubeSettings, server, insecureSkipTlsVerify: true }
    const context = yield* Layer.build(
      ApiPodEvents.layer.pipe(
        Layer.provide(KubeApiServer.layer),
        Layer.provide(Layer.succeed(Settings, { ...settings, kube }))
      )
    )
    const scene = EventScene.of({
      seen: Effect.gen(function* () {
        while (!(yield* idle)) yield* turn
        return [...state.events.values()].map(
          ({ count, involvedObject, message, reason }): SeenEvent => ({
            podUid: involvedObject.uid,
            reason,
            note: message,
            count
          })
        )
      }),
      silence: Effect.sync(() => {
        state.silent = true
      })
    })
    return Context.make(PodEvents, Context.get(context, PodEvents)).pipe(
      Context.add(EventScene, scene),
      Context.add(Server, state)
    )
  })
).pipe(Layer.provideMerge(Logger.layer([])))

const onServer = <A, E>(program: Effect.Effect<A, E, PodEvents | EventScene | Server>) =>
  program.pipe(Effect.provide(live), Effect.provideService(Metric.MetricRegistry, new Map()))

const event = {
  pod: { name: "web", namespace: "apps", uid: "uid-1" },
  type: "Warning",
  reason: "CertificateDenied",
  note: "no"
} as const

describe("the live PodEvents", () => {
  for (const { law, program } of laws) it.effect(law, () => onServer(program))

  it.effect("name the pod as kubectl looks for it, and who has told", () =>
    onServer(
      Effect.gen(function* () {
        const [events, scene, server] = [yield* PodEvents, yield* EventScene, yield* Server]
        yield* events.tell(event)
        yield* scene.seen
        expect([...server.events.values()][0]).toMatchObject({
          kind: "Event",
          metadata: { namespace: "apps" },
          involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "apps", name: "web", uid: "uid-1" },
          type: "Warning",
          source: { component: "certlet", host: settings.nodeId },
          firstTimestamp: "1970-01-01T00:00:00.000Z"
        })
      })
    )
  )

  it.effect("create an Event again after the API server has dropped it", () =>
    onServer(
      Effect.gen(function* () {
        const [events, scene, server] = [yield* PodEvents, yield* EventScene, yield* Server]
        yield* events.tell(event)
        yield* scene.seen
        server.events.clear()
        yield* TestClock.adjust("1 minute")
        yield* events.tell(event)
        expect(yield* scene.seen).toMatchObject([{ podUid: "uid-1", count: 2 }])
      })
    )
  )

  it.effect("count an Event whose answer was lost, and do not begin another one", () =>
    onServer(
      Effect.gen(function* () {
        const [events, scene, server] = [yield* PodEvents, yield* EventScene, yield* Server]
        server.creates = [0, 403]
        yield* events.tell(event)
        const first = yield* Effect.forkChild(scene.seen)
        while (server.creates.length > 1) yield* turn
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        expect(server.creates).toEqual([])
        yield* TestClock.adjust("1 minute")
        yield* events.tell(event)
        expect(yield* scene.seen).toMatchObject([{ podUid: "uid-1", count: 2 }])
      })
    )
  )
})
