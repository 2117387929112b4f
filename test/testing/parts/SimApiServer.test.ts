/** The simulated API server, held to what clients of a real one have to live with. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Predicate, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { podUser } from "../../../src/embedded/ApiUser.ts"
import type { ApiCall } from "../../../src/kube/ApiServer.ts"
import { type ApiBehaviour, calmApi, makeSimApiServer } from "../../../src/testing/parts/SimApiServer.ts"
import type { Link } from "../../../src/testing/parts/SimConnection.ts"

const events = "/api/v1/namespaces/apps/events"

const at = (value: unknown, ...keys: ReadonlyArray<string>): unknown =>
  keys.reduce<unknown>((inner, key) => (Predicate.hasProperty(inner, key) ? inner[key] : undefined), value)

const post = (name: string, change: Partial<ApiCall> = {}): ApiCall => ({
  action: "create",
  method: "POST",
  path: events,
  body: { metadata: { name }, count: 1 },
  ...change
})

/** What an event says: `ADDED one 2`. */
const told = (event: unknown): string => {
  const { name, resourceVersion } = {
    name: undefined,
    resourceVersion: undefined,
    ...Object(at(event, "object", "metadata"))
  }
  return [at(event, "type"), name, resourceVersion].filter((word) => word !== undefined).join(" ")
}

/** A server that behaves like this, a node's way to it, and what that node sees of the pods. */
const server = Effect.fnUntraced(function* (change: Partial<ApiBehaviour> = {}) {
  const server = yield* makeSimApiServer("a server")
  server.behaviour = { ...calmApi, ...change }
  const link: Link = { node: "node-1", cut: false }
  const client = server.connect(link)
  const { pods, events: stored } = server.api.stores
  const seen: Array<readonly [at: number, event: string]> = []
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const take = (event: unknown) => {
    seen.push([clock.currentTimeMillisUnsafe(), told(event)])
    return at(event, "type") === "ERROR" ? ("enough" as const) : ("more" as const)
  }
  const pod = (name: string, labels = {}) =>
    pods.put({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "apps", labels } })
  const watch = (version = String(pods.version), query: Readonly<Record<string, string>> = {}) =>
    Effect.forkChild(
      client.follow(
        {
          action: "watch Pods",
          method: "GET",
          path: "/api/v1/pods",
          query: { watch: "true", allowWatchBookmarks: "true", resourceVersion: version, ...query }
        },
        { opened: Effect.void, take }
      )
    )
  const create = (name: string) => client.call(post(name))
  return { server, link, client, pods, stored, seen, pod, watch, create }
})

const settled = TestClock.adjust("1 minute")

describe("the simulated API server", () => {
  it.effect("gives every change a version that is higher than the last", () =>
    Effect.gen(function* () {
      const { client, create } = yield* server()
      const one = yield* create("one")
      const two = yield* create("two")
      const changed = yield* client.call(post("one", { method: "PATCH", path: `${events}/one`, body: { count: 2 } }))
      const versions = [one, two, changed].map((object) => Number(at(object, "metadata", "resourceVersion")))
      expect(versions).toEqual([2, 3, 4])
      expect([at(changed, "count"), at(changed, "metadata", "uid")]).toEqual([2, at(one, "metadata", "uid")])
    })
  )

  it.effect("refuses what is not well, in the API's own terms", () =>
    Effect.gen(function* () {
      const { client, create } = yield* server()
      yield* create("one")
      const calls: ReadonlyArray<ApiCall> = [
        post("one"),
        post("nobody", { method: "PATCH", path: `${events}/nobody`, body: {} }),
        post("one", { method: "DELETE", path: `${events}/one` }),
        post("one", { path: "/apis/example.com/v1/things" }),
        post("one", { body: {} })
      ]
      const errors = yield* Effect.forEach(calls, (call) => Effect.flip(client.call(call)))
      expect(errors.map(({ reason }) => reason)).toEqual(["Conflict", "Missing", "Forbidden", "Missing", "Invalid"])
    })
  )

  it.effect("lets a pod's account do what it may, and nobody whom it does not know", () =>
    Effect.gen(function* () {
      const { client, server: api } = yield* server()
      api.userOf = (token) => (token === "known" ? podUser("apps", "default") : undefined)
      const reasonWith = (token: string) =>
        Effect.map(
          Effect.flip(client.call(post("one", { token: Option.some(Redacted.make(token)) }))),
          ({ reason }) => reason
        )
      expect([yield* reasonWith("known"), yield* reasonWith("other")]).toEqual(["Forbidden", "Unauthorized"])
    })
  )

  it.effect("refuses a watch from before what it remembers, now by its answer and now by an event", () =>
    Effect.gen(function* () {
      const { pod, pods, seen, watch } = yield* server()
      const version = String(pods.version)
      pod("one")
      pods.compact()
      const ends = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.flatMap(watch(version), (watching) => Effect.exit(Fiber.join(watching))),
        { concurrency: 1 }
      )
      const [byAnswer, byEvent] = [ends.filter(({ _tag }) => _tag === "Failure").length, seen.length]
      expect(seen.every(([, event]) => event === "ERROR")).toBe(true)
      expect(byAnswer + byEvent).toBe(20)
      expect(Math.min(byAnswer, byEvent)).toBeGreaterThan(0)
    })
  )

  it.effect("tells a watch what it has missed since its version, and then each change in order", () =>
    Effect.gen(function* () {
      const { pod, pods, seen, watch } = yield* server()
      const version = String(pods.version)
      pod("one")
      yield* watch(version)
      yield* settled
      pod("two")
      pods.delete("apps", "one")
      yield* settled
      expect(seen.map(([, event]) => event)).toEqual(["ADDED one 2", "ADDED two 3", "DELETED one 4"])
    })
  )

  it.effect(
    "tells nothing of what a watch does not select but a bookmark, a minute after the last at the earliest",
    () =>
      Effect.gen(function* () {
        const { pod, seen, watch } = yield* server()
        yield* watch(undefined, { labelSelector: "node=ours" })
        yield* TestClock.adjust(0)
        pod("theirs-1", { node: "theirs" })
        yield* settled
        expect(seen).toEqual([])
        pod("theirs-2", { node: "theirs" })
        pod("theirs-3", { node: "theirs" })
        yield* settled
        expect(seen.map(([, event]) => event)).toEqual(["BOOKMARK 3"])
      })
  )

  it.effect("ends a watch at its time, with a bookmark", () =>
    Effect.gen(function* () {
      const { seen, watch } = yield* server()
      const watching = yield* watch(undefined, { timeoutSeconds: "300" })
      yield* TestClock.adjust("299 seconds")
      expect(watching.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(watching)
      expect(seen.map(([, event]) => event)).toEqual(["BOOKMARK 1"])
    })
  )

  it.effect("is late with events, within the bound, and never out of order", () =>
    Effect.gen(function* () {
      const { pod, seen, watch } = yield* server({ watchLatency: Duration.seconds(5) })
      yield* watch()
      yield* settled
      const began = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
      const names = Array.from({ length: 20 }, (_, index) => `pod-${index}`)
      for (const name of names) pod(name)
      expect(seen).toEqual([])
      yield* TestClock.adjust("5 seconds")
      expect(seen.map(([, event]) => event.split(" ")[1])).toEqual(names)
      expect(Math.max(...seen.map(([at]) => at)) - began).toBeGreaterThan(0)
      expect(Math.max(...seen.map(([at]) => at)) - began).toBeLessThanOrEqual(5000)
    })
  )

  it.effect("tells nothing before the watch is granted, and then all of it", () =>
    Effect.gen(function* () {
      const { pod, seen, watch } = yield* server({ callLatency: Duration.seconds(20) })
      yield* watch()
      for (let second = 0; second < 20; second++) {
        pod(`pod-${second}`)
        yield* TestClock.adjust("1 second")
      }
      yield* settled
      const names = seen.map(([, event]) => event.split(" ")[1])
      expect(names).toEqual(Array.from({ length: 20 }, (_, second) => `pod-${second}`))
    })
  )

  it.effect("tells of a change twice where it is told to", () =>
    Effect.gen(function* () {
      const { pod, seen, watch } = yield* server({ duplicated: 1 })
      yield* watch()
      yield* settled
      pod("one")
      yield* settled
      expect(seen.map(([, event]) => event)).toEqual(["ADDED one 2", "ADDED one 2"])
    })
  )

  it.effect("takes its time there and back, and does the work also when nobody waits for the answer any more", () =>
    Effect.gen(function* () {
      const { create, stored } = yield* server({ callLatency: Duration.seconds(10) })
      const call = yield* Effect.forkChild(create("one"))
      yield* TestClock.adjust(0)
      expect(call.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("20 seconds")
      expect(stored.get("apps", "one")).toBeDefined()
    })
  )

  it.effect("loses half of what it loses on the way back: the work is done, and the caller does not know", () =>
    Effect.gen(function* () {
      const { create, stored } = yield* server({ lost: 1 })
      const names = Array.from({ length: 40 }, (_, index) => `request-${index}`)
      const errors = yield* Effect.forEach(names, (name) => Effect.flip(create(name)))
      expect(new Set(errors.map(({ reason }) => reason))).toEqual(new Set(["Unavailable"]))
      expect(stored.all().length).toBeGreaterThan(10)
      expect(stored.all().length).toBeLessThan(30)
    })
  )

  it.effect("asks whom it throttles to stay away for a second, and does nothing for them", () =>
    Effect.gen(function* () {
      const { create, stored } = yield* server({ throttled: 1 })
      expect(yield* Effect.flip(create("one"))).toMatchObject({ reason: "Throttled", retryAfterMillis: 1000 })
      expect(stored.all()).toEqual([])
    })
  )

  it.effect.each([
    ["over a link that is cut", {}, true],
    ["where it takes too long", { callLatency: Duration.minutes(30) }, false]
  ] as const)("says nothing %s: the client gives up after half a minute", ([, behaviour, cut]) =>
    Effect.gen(function* () {
      const { create, link } = yield* server(behaviour)
      link.cut = cut
      const call = yield* Effect.forkChild(create("one"))
      yield* TestClock.adjust("29 seconds")
      expect(call.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect((yield* Effect.flip(Fiber.join(call))).reason).toBe("Unavailable")
    })
  )

  it.effect("tells nothing over a link that is cut", () =>
    Effect.gen(function* () {
      const { link, pod, seen, watch } = yield* server()
      yield* watch()
      yield* settled
      link.cut = true
      pod("one")
      yield* settled
      expect(seen).toEqual([])
    })
  )

  it.effect("ends watches that are dropped, and tells them nothing more", () =>
    Effect.gen(function* () {
      const { pod, seen, server: api, watch } = yield* server()
      const watching = yield* watch()
      yield* settled
      yield* api.dropWatches(() => true, "dropped")
      expect((yield* Effect.flip(Fiber.join(watching))).reason).toBe("Unavailable")
      expect(api.watchesOn("pods")).toBe(0)
      pod("one")
      yield* settled
      expect(seen).toEqual([])
    })
  )
})
