import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as ApiCertificateRequests from "../../src/issuance/ApiCertificateRequests.ts"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { requestLabels, volumeAnnotation } from "../../src/issuance/RequestLabels.ts"
import { ApiError, apiFailure } from "../../src/kube/ApiError.ts"
import { type ApiCall, ApiServer, type EventReader } from "../../src/kube/ApiServer.ts"
import { settingsLayer } from "../kit/LiveClient.ts"
import { kubeSettings } from "../kit/settings.ts"

const web = { namespace: "apps", name: "web" }

/** A request of certlet's, as cert-manager has it. */
const request = (metadata: object = {}, status: object = {}) => ({
  apiVersion: "cert-manager.io/v1",
  kind: "CertificateRequest",
  metadata: {
    ...web,
    uid: "uid-1",
    resourceVersion: "60",
    labels: requestLabels("node-1", "csi-web"),
    annotations: { [volumeAnnotation]: "csi-web" },
    ownerReferences: [{ uid: "uid-web" }],
    ...metadata
  },
  status
})

const signed = request(
  { resourceVersion: "90" },
  { conditions: [{ type: "Ready", status: "True" }], certificate: btoa("a certificate") }
)

const listOf = (items: unknown, metadata: object = { resourceVersion: "50" }) => ({ metadata, items })
const emptyList = listOf([])

/** What a hostile server does: how it lists, and what its watches tell. */
interface Hostility {
  /** The answer to the n-th list, from 1. */
  readonly list?: (n: number) => unknown
  readonly events?: ReadonlyArray<unknown>
  /** So many calls a minute at most; a server that is only odd is asked seldom. */
  readonly calls?: number
}

const added = (object: unknown) => ({ type: "ADDED", object })
const modified = (object: unknown) => ({ type: "MODIFIED", object })
const deleted = (object: unknown) => ({ type: "DELETED", object })
const version = (resourceVersion: unknown) => ({ metadata: { resourceVersion } })
const long = "9".repeat(1_000_000)
/** An object with a key that would be its prototype's, as JSON brings it. */
const poisoned: unknown = JSON.parse(
  `{"type":"ADDED","__proto__":{"type":"ERROR"},"object":{"__proto__":{"polluted":true},"metadata":${JSON.stringify({
    ...request().metadata,
    annotations: undefined
  }).slice(0, -1)},"annotations":{"__proto__":{"polluted":true}},"__proto__":{"name":"x"}}}}`
)
const deep: unknown = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`)

const hostile: ReadonlyArray<readonly [string, Hostility]> = [
  ["lists nothing at all", { list: () => null }],
  ["lists a text", { list: () => "items" }],
  ["lists a list", { list: () => [[signed]] }],
  ["lists nothing but depth", { list: () => deep }],
  ["lists an object in the place of a list", { list: () => signed }],
  ["lists items that are no list", { list: () => listOf({ 0: signed, length: 1 }) }],
  ["lists items that are no objects", { list: () => listOf([null, 1, "x", [], true]) }],
  ["lists other kinds", { list: () => listOf([{ kind: "Pod", metadata: { name: "web" } }]) }],
  ["lists without a version", { list: () => ({ items: [] }) }],
  ["lists an empty version", { list: () => listOf([], version("").metadata) }],
  ["lists a version that is a number", { list: () => listOf([], version(7).metadata) }],
  ["lists a version without an end", { list: () => listOf([], version(long).metadata) }],
  ["lists a version that is nonsense", { list: () => listOf([], version("../../etc").metadata) }],
  ["lists a version from the future", { list: () => listOf([], version("999999").metadata) }],
  ["lists pages without an end", { list: (n) => listOf([], { resourceVersion: "50", continue: `t${n}` }), calls: 600 }],
  [
    "lists full pages without an end",
    {
      list: (n) => listOf([request({ name: `r${n}`, uid: `u${n}` })], { resourceVersion: "50", continue: `t${n}` }),
      calls: 3000
    }
  ],
  ["lists the same page for ever", { list: () => listOf([signed], { resourceVersion: "50", continue: "t" }) }],
  [
    "lists pages in a circle",
    { list: (n) => listOf([], { resourceVersion: "50", continue: `t${n % 3}` }), calls: 600 }
  ],
  ["tells nothing", { events: [null] }],
  ["tells an event of no type", { events: [{ object: request() }] }],
  ["tells an event of an unknown type", { events: [{ type: "RENAMED", object: request() }] }],
  ["tells an event without an object", { events: [{ type: "ADDED" }] }],
  ["tells lists", { events: [added(listOf([signed]))] }],
  ["tells of other kinds", { events: [added({ kind: "Pod", metadata: { name: "web", resourceVersion: "70" } })] }],
  ["tells every event twice", { events: [added(request()), added(request()), deleted(request()), deleted(request())] }],
  ["tells of the end before the beginning", { events: [deleted(request()), modified(request()), added(request())] }],
  ["tells older events later", { events: [added(signed), modified(request({ resourceVersion: "10" }))] }],
  [
    "tells of another object under the same name",
    { events: [added(request()), modified(request({ uid: "uid-2" })), added(request({ uid: "uid-3" }))] }
  ],
  ["tells of an error that is nothing", { events: [{ type: "ERROR", object: null }] }],
  ["tells of an error that is a text", { events: [{ type: "ERROR", object: "410" }] }],
  ["tells of an error whose code is a text", { events: [{ type: "ERROR", object: { code: "410", message: {} } }] }],
  ["tells of an error of code infinity", { events: [{ type: "ERROR", object: { code: Number.POSITIVE_INFINITY } }] }],
  ["tells a bookmark without a version", { events: [{ type: "BOOKMARK", object: {} }] }],
  ["tells a bookmark of an empty version", { events: [{ type: "BOOKMARK", object: version("") }] }],
  ["tells a bookmark of a version without an end", { events: [{ type: "BOOKMARK", object: version(long) }] }],
  ["tells a bookmark of nonsense", { events: [{ type: "BOOKMARK", object: version("\u0000 %2F\r\n") }] }],
  ["tells a bookmark from the future", { events: [{ type: "BOOKMARK", object: version("999999") }] }],
  [
    "tells versions that go backwards",
    { events: ["70", "60", "1", "0"].map((v) => modified(request({ resourceVersion: v }))) }
  ],
  [
    "tells of a status of wrong types",
    { events: [modified(request({}, { conditions: "Ready", certificate: 7, ca: [] }))] }
  ],
  ["tells of conditions that are none", { events: [modified(request({}, { conditions: [null, [], { type: 1 }] }))] }],
  [
    "tells of a certificate that is no base64",
    {
      events: [modified(request({}, { conditions: [{ type: "Ready", status: "False" }], certificate: "%%%" }))]
    }
  ],
  [
    "tells of a fresh object that is being deleted",
    {
      events: [added(request({ deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: -1 }))]
    }
  ],
  [
    "tells of objects of other nodes",
    {
      events: [added(request({ name: "other", labels: requestLabels("node-2", "csi-other") }))]
    }
  ],
  ["tells of objects of nobody", { events: [added(request({ name: "other", ownerReferences: [] }))] }],
  ["tells of names that are paths", { events: [added(request({ name: "../../web", namespace: "..%2f" }))] }],
  ["tells of names with odd characters", { events: [added(request({ name: "a\u0000\u202e\n", namespace: "" }))] }],
  [
    "tells of half characters",
    { events: [added(request({ name: "\ud800", annotations: { [volumeAnnotation]: "\udfff" } }))] }
  ],
  ["tells of keys that are prototypes", { events: [poisoned] }],
  ["tells of depth", { events: [added(deep), added({ metadata: deep })] }]
]

const closed = (action: string) => new ApiError({ reason: "Unavailable", action, detail: "the connection was closed" })

/** A server that knows versions up to 100, and the one request, which is signed. */
const goodServer: ApiServer["Service"] = {
  call: () => Effect.succeed(listOf([signed], { resourceVersion: "100" })),
  follow: ({ action, query }, { opened }) => {
    const from = query?.resourceVersion ?? ""
    // As kube-apiserver answers: a header that is too long, a version that is none, one to come, one that is forgotten.
    const status = from.length > 8000 ? 431 : /^\d+$/.test(from) ? (Number(from) > 100 ? 504 : 410) : 400
    return from === "100"
      ? Effect.andThen(opened, Effect.never)
      : Effect.fail(apiFailure(action, { status, retryAfter: undefined, body: undefined }, 0))
  }
}

/** A server that is hostile until `mend` is done, and good afterwards. */
const makeServer = (hostility: Hostility) =>
  Effect.map(Deferred.make<void>(), (mended) => {
    const seen = { calls: 0, lists: 0 }
    const isMended = () => Deferred.isDoneUnsafe(mended)
    const tell = ({ take }: EventReader) => {
      for (const event of hostility.events ?? []) if (take(event) === "enough") return Effect.void
      return Effect.never
    }
    const server: ApiServer["Service"] = {
      call: (call: ApiCall) =>
        Effect.suspend(() => {
          seen.calls += 1
          if (isMended()) return goodServer.call(call)
          seen.lists += 1
          return Effect.succeed(hostility.list?.(seen.lists) ?? (hostility.list === undefined ? emptyList : null))
        }),
      follow: (call, reader) =>
        Effect.suspend(() => {
          seen.calls += 1
          if (isMended()) return goodServer.follow(call, reader)
          const hostileWatch = Effect.andThen(
            reader.opened,
            Effect.suspend(() => tell(reader))
          )
          return Effect.raceFirst(
            hostileWatch,
            Effect.andThen(Deferred.await(mended), Effect.fail(closed(call.action)))
          )
        })
    }
    return { server, seen, mend: Deferred.succeed(mended, undefined) }
  })

describe("the requests of a server that", () => {
  it.effect.each(hostile)("%s: few calls, no defect, and all is well once the server is", ([, hostility]) => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => lines.push(String(message)))
    return Effect.gen(function* () {
      const { mend, seen, server } = yield* makeServer(hostility)
      const layer = ApiCertificateRequests.layer.pipe(
        Layer.provide(Layer.succeed(ApiServer, server)),
        Layer.provide(settingsLayer(kubeSettings))
      )
      const requests = Context.get(yield* Layer.build(layer), CertificateRequests)
      yield* TestClock.adjust("1 minute")
      expect(seen.calls).toBeGreaterThan(0)
      expect(seen.calls).toBeLessThanOrEqual(hostility.calls ?? 60)
      yield* mend
      yield* TestClock.adjust("1 minute")
      expect(yield* requests.state(web)).toMatchObject({ _tag: "Ready", signed: { certificate: "a certificate" } })
      const after = seen.calls
      yield* TestClock.adjust("1 minute")
      expect(seen.calls).toBe(after)
      expect(lines.filter((line) => line.includes("defect"))).toEqual([])
      expect(lines.filter((line) => line.length > 2000)).toEqual([])
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false)
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})
