/** The simulated API server, held to what clients of a real one have to live with. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Predicate, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { podUser } from "../../../src/embedded/ApiUser.ts"
import type { ApiCall } from "../../../src/kube/ApiServer.ts"
import { type ApiBehaviour, calmApi } from "../../../src/testing/parts/ApiBehaviour.ts"
import { makeSimApiServer } from "../../../src/testing/parts/SimApiServer.ts"
import { makeLink } from "../../../src/testing/parts/SimConnection.ts"

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
  const link = makeLink("node-1")
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

const settled = TestClock.adjust("25 seconds")

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

  it.effect("tells nothing of what a watch does not select", () =>
    Effect.gen(function* () {
      const { pod, seen, watch } = yield* server()
      yield* watch(undefined, { labelSelector: "node=ours" })
      yield* TestClock.adjust(0)
      pod("theirs", { node: "theirs" })
      yield* TestClock.adjust("59 seconds")
      expect(seen).toEqual([])
    })
  )

  it.effect("sends a bookmark a minute as long as a watch is open, also while nothing changes", () =>
    Effect.gen(function* () {
      const { pod, seen, server: api, watch } = yield* server()
      yield* watch(undefined, { labelSelector: "node=ours" })
      yield* TestClock.adjust("150 seconds")
      pod("theirs", { node: "theirs" })
      yield* TestClock.adjust("60 seconds")
      expect(seen.map(([at, event]) => `${at / 60_000} ${event}`)).toEqual([
        "1 BOOKMARK 1",
        "2 BOOKMARK 1",
        "3 BOOKMARK 2"
      ])
      yield* api.watches.end
      yield* TestClock.adjust("10 minutes")
      expect(seen).toHaveLength(3)
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
      expect(seen.map(([, event]) => event)).toEqual(Array.from({ length: 5 }, () => "BOOKMARK 1"))
    })
  )

  it.effect("ends watches in order when it is told to, before their time", () =>
    Effect.gen(function* () {
      const { pod, seen, server: api, watch } = yield* server()
      const watching = yield* watch(undefined, { timeoutSeconds: "300" })
      yield* TestClock.adjust("10 seconds")
      yield* api.watches.end
      yield* Fiber.join(watching)
      pod("one")
      yield* TestClock.adjust("10 minutes")
      expect(seen).toEqual([])
      expect(api.watches.openOn("pods")).toBe(0)
    })
  )

  it.effect("falls silent on a watch, and neither tells anything nor ends it", () =>
    Effect.gen(function* () {
      const { pod, seen, server: api, watch } = yield* server()
      const watching = yield* watch(undefined, { timeoutSeconds: "300" })
      yield* TestClock.adjust("10 seconds")
      yield* api.watches.silence
      pod("one")
      yield* api.watches.drop("dropped")
      yield* TestClock.adjust("1 hour")
      expect(seen).toEqual([])
      expect(watching.pollUnsafe()).toBeUndefined()
      yield* watch()
      yield* TestClock.adjust(0)
      pod("two")
      expect(seen.map(([, event]) => event)).toEqual(["ADDED two 3"])
    })
  )

  it.effect("gives a list in pages, and forgets some of them", () =>
    Effect.gen(function* () {
      const { client, pod, server: api } = yield* server({ pageSize: 2 })
      for (const name of ["one", "two", "three", "four", "five"]) pod(name)
      const page = (query: Readonly<Record<string, string>>) =>
        client.call({ action: "list", method: "GET", path: "/api/v1/pods", query: { limit: "500", ...query } })
      const first = yield* page({})
      expect(at(first, "items")).toHaveLength(2)
      const next = String(at(first, "metadata", "continue"))
      api.behaviour = { ...api.behaviour, pagesExpired: 1 }
      expect((yield* Effect.flip(page({ continue: next }))).reason).toBe("Gone")
      api.behaviour = { ...api.behaviour, pagesExpired: 0 }
      const second = yield* page({ continue: next })
      expect(at(second, "items")).toHaveLength(2)
      const third = yield* page({ continue: String(at(second, "metadata", "continue")) })
      expect([at(third, "items"), at(third, "metadata", "continue")]).toMatchObject([[{}], undefined])
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

  it.effect("asks whom it throttles to stay away for up to as long as it is said", () =>
    Effect.gen(function* () {
      const { create } = yield* server({ throttled: 1, retryAfterSeconds: 30 })
      const errors = yield* Effect.forEach(Array.from({ length: 60 }), () => Effect.flip(create("one")))
      const seconds = errors.map(({ retryAfterMillis = 0 }) => retryAfterMillis / 1000)
      expect(Math.min(...seconds)).toBeGreaterThanOrEqual(1)
      expect(Math.max(...seconds)).toBeLessThanOrEqual(30)
      expect(new Set(seconds).size).toBeGreaterThan(10)
    })
  )

  it.effect.each([
    ["over a link that is cut", {}, true],
    ["where it takes too long", { callLatency: Duration.minutes(30) }, false]
  ] as const)("says nothing %s: the client gives up after half a minute", ([, behaviour, cut]) =>
    Effect.gen(function* () {
      const { create, link, server: api } = yield* server(behaviour)
      if (cut) yield* api.watches.cut(link)
      const call = yield* Effect.forkChild(create("one"))
      yield* TestClock.adjust("29 seconds")
      expect(call.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect((yield* Effect.flip(Fiber.join(call))).reason).toBe("Unavailable")
    })
  )

  it.effect("loses a call that is on its way when the link is cut, and an answer that is on its way back", () =>
    Effect.gen(function* () {
      const { create, link, server: api, stored } = yield* server({ callLatency: Duration.seconds(10) })
      const names = Array.from({ length: 20 }, (_, index) => `request-${index}`)
      const calls = yield* Effect.forEach(names, (name) => Effect.forkChild(create(name)))
      yield* TestClock.adjust("5 seconds")
      yield* api.watches.cut(link)
      const done = stored.all().length
      expect(done).toBeGreaterThan(0)
      const known = calls.filter((call) => call.pollUnsafe() !== undefined).length
      expect(known).toBeLessThan(done)
      yield* TestClock.adjust("15 seconds")
      yield* api.watches.mend(link)
      yield* TestClock.adjust("30 seconds")
      const exits = yield* Effect.forEach(calls, Fiber.await)
      expect(exits.filter(({ _tag }) => _tag === "Success")).toHaveLength(known)
      expect(stored.all()).toHaveLength(done)
    })
  )

  it.effect("tells over a link that was cut for a moment what happened meanwhile, and in order", () =>
    Effect.gen(function* () {
      const { link, pod, seen, server: api, watch } = yield* server()
      const watching = yield* watch()
      yield* TestClock.adjust(0)
      yield* api.watches.cut(link)
      pod("one")
      pod("two")
      yield* TestClock.adjust("20 seconds")
      expect(seen).toEqual([])
      yield* api.watches.mend(link)
      expect(seen.map(([, event]) => event)).toEqual(["ADDED one 2", "ADDED two 3"])
      yield* TestClock.adjust("20 seconds")
      expect(watching.pollUnsafe()).toBeUndefined()
    })
  )

  it.effect("tells nothing over a link that stays cut, and the client notices after half a minute", () =>
    Effect.gen(function* () {
      const { link, pod, seen, server: api, watch } = yield* server()
      const watching = yield* watch()
      yield* TestClock.adjust(0)
      yield* api.watches.cut(link)
      pod("one")
      yield* TestClock.adjust("24 seconds")
      expect(watching.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect((yield* Effect.flip(Fiber.join(watching))).reason).toBe("Unavailable")
      yield* api.watches.mend(link)
      yield* settled
      expect(seen).toEqual([])
    })
  )

  it.effect("ends watches that are dropped, and tells them nothing more", () =>
    Effect.gen(function* () {
      const { pod, seen, server: api, watch } = yield* server()
      const watching = yield* watch()
      yield* settled
      yield* api.watches.drop("dropped")
      expect((yield* Effect.flip(Fiber.join(watching))).reason).toBe("Unavailable")
      expect(api.watches.openOn("pods")).toBe(0)
      pod("one")
      yield* settled
      expect(seen).toEqual([])
    })
  )
})
