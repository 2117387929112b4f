/** The simulated API server, held to what clients of a real one have to live with. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import type { NewObject } from "../../../src/embedded/ObjectStore.ts"
import {
  type ApiBehaviour,
  type Collection,
  calmApi,
  type Link,
  makeSimApiServer,
  type WatchEvent
} from "../../../src/testing/parts/SimApiServer.ts"

const link: Link = { node: "node-1", cut: false }

const object = (name: string, labels: Readonly<Record<string, string>> = {}): NewObject => ({
  apiVersion: "cert-manager.io/v1",
  kind: "CertificateRequest",
  metadata: { name, namespace: "apps", labels }
})

/** A server that behaves like this, and its calls. */
const server = Effect.fnUntraced(function* (change: Partial<ApiBehaviour> = {}) {
  const server = yield* makeSimApiServer("a server")
  server.behaviour = { ...calmApi, ...change }
  const seen: Array<readonly [at: number, event: string]> = []
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const told = (event: WatchEvent) =>
    event._tag === "Bookmark"
      ? `bookmark ${event.version}`
      : `${event._tag} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`
  const sink = (event: WatchEvent) => void seen.push([clock.currentTimeMillisUnsafe(), told(event)])
  return {
    server,
    seen,
    create: (name: string, labels = {}) => server.call(link, "create", () => server.store.create(object(name, labels))),
    watch: (version = String(server.store.version), selects: Collection["selects"] = () => true) =>
      Effect.forkChild(server.watch(link, { kind: "CertificateRequests", store: server.store, selects }, version, sink))
  }
})

const settled = TestClock.adjust("1 minute")
describe("the simulated API server", () => {
  it.effect("gives every change a version that is higher than the last", () =>
    Effect.gen(function* () {
      const { create, server: api } = yield* server()
      const one = yield* create("one")
      const two = yield* create("two")
      expect(Number(two.metadata.resourceVersion)).toBe(Number(one.metadata.resourceVersion) + 1)
      api.store.update("apps", "one", (object) => ({ ...object, status: {} }))
      const changed = api.store.get("apps", "one")?.metadata
      expect(changed?.resourceVersion).toBe(String(Number(two.metadata.resourceVersion) + 1))
      expect(changed?.uid).toBe(one.metadata.uid)
    })
  )

  it.effect("answers 409 to a name that is taken, a version that has passed and a uid that is another's", () =>
    Effect.gen(function* () {
      const { create, server: api } = yield* server()
      const { metadata } = yield* create("one")
      expect((yield* Effect.flip(create("one"))).reason).toBe("Conflict")
      api.store.update("apps", "one", (object) => object)
      const stale = api.call(link, "update", () =>
        api.store.update("apps", "one", (object) => object, metadata.resourceVersion)
      )
      expect((yield* Effect.flip(stale)).reason).toBe("Conflict")
      const other = api.call(link, "delete", () => api.store.delete("apps", "one", "another uid"))
      expect((yield* Effect.flip(other)).reason).toBe("Conflict")
    })
  )

  it.effect("answers 404 to what is not there, and 410 to a watch from before what it remembers", () =>
    Effect.gen(function* () {
      const { create, server: api, watch } = yield* server()
      const missing = api.call(link, "delete", () => api.store.delete("apps", "nobody"))
      expect((yield* Effect.flip(missing)).reason).toBe("Missing")
      const version = String(api.store.version)
      yield* create("one")
      api.store.compact()
      expect((yield* Effect.flip(Fiber.join(yield* watch(version)))).reason).toBe("Gone")
    })
  )

  it.effect("tells a watch what it has missed since its version, and then each change in order", () =>
    Effect.gen(function* () {
      const { create, seen, server: api, watch } = yield* server()
      const version = String(api.store.version)
      yield* create("one")
      yield* watch(version)
      yield* settled
      yield* create("two")
      api.store.delete("apps", "one")
      yield* settled
      expect(seen.map(([, event]) => event)).toEqual(["Changed one 2", "Changed two 3", "Deleted one 4"])
    })
  )

  it.effect(
    "tells nothing of what a watch does not select but a bookmark, a minute after the last at the earliest",
    () =>
      Effect.gen(function* () {
        const { create, seen, watch } = yield* server()
        yield* watch(undefined, ({ metadata }) => metadata.labels?.node === "ours")
        yield* create("theirs-1", { node: "theirs" })
        yield* settled
        expect(seen).toEqual([])
        yield* create("theirs-2", { node: "theirs" })
        yield* create("theirs-3", { node: "theirs" })
        yield* settled
        expect(seen.map(([, event]) => event)).toEqual(["bookmark 3"])
      })
  )

  it.effect("is late with events, within the bound, and never out of order", () =>
    Effect.gen(function* () {
      const { create, seen, watch } = yield* server({ watchLatency: Duration.seconds(5) })
      yield* watch()
      yield* settled
      const began = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
      const names = Array.from({ length: 20 }, (_, index) => `request-${index}`)
      for (const name of names) yield* create(name)
      expect(seen).toEqual([])
      yield* TestClock.adjust("5 seconds")
      expect(seen.map(([, event]) => event.split(" ")[1])).toEqual(names)
      expect(Math.max(...seen.map(([at]) => at)) - began).toBeGreaterThan(0)
      expect(Math.max(...seen.map(([at]) => at)) - began).toBeLessThanOrEqual(5000)
    })
  )

  it.effect("tells of a change twice where it is told to", () =>
    Effect.gen(function* () {
      const { create, seen, watch } = yield* server({ duplicated: 1 })
      yield* watch()
      yield* settled
      yield* create("one")
      yield* settled
      expect(seen.map(([, event]) => event)).toEqual(["Changed one 2", "Changed one 2"])
    })
  )

  it.effect("takes its time there and back, and does the work also when nobody waits for the answer any more", () =>
    Effect.gen(function* () {
      const { create, server: api } = yield* server({ callLatency: Duration.seconds(10) })
      const call = yield* Effect.forkChild(create("one"))
      yield* TestClock.adjust(0)
      expect(call.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("20 seconds")
      expect(api.store.get("apps", "one")).toBeDefined()
    })
  )

  it.effect("loses half of what it loses on the way back: the work is done, and the caller does not know", () =>
    Effect.gen(function* () {
      const { create, server: api } = yield* server({ lost: 1 })
      const names = Array.from({ length: 40 }, (_, index) => `request-${index}`)
      const errors = yield* Effect.forEach(names, (name) => Effect.flip(create(name)))
      expect(new Set(errors.map(({ reason }) => reason))).toEqual(new Set(["Unavailable"]))
      expect(api.store.all().length).toBeGreaterThan(10)
      expect(api.store.all().length).toBeLessThan(30)
    })
  )

  it.effect("asks whom it throttles to stay away for a second, and does nothing for them", () =>
    Effect.gen(function* () {
      const { create, server: api } = yield* server({ throttled: 1 })
      expect(yield* Effect.flip(create("one"))).toMatchObject({ reason: "Throttled", retryAfterMillis: 1000 })
      expect(api.store.all()).toEqual([])
    })
  )

  it.effect("says nothing over a link that is cut: the client gives up after half a minute", () =>
    Effect.gen(function* () {
      const { server: api } = yield* server()
      const call = yield* Effect.forkChild(api.call({ node: "node-2", cut: true }, "list", () => Result.succeed(1)))
      yield* TestClock.adjust("29 seconds")
      expect(call.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect((yield* Effect.flip(Fiber.join(call))).reason).toBe("Unavailable")
    })
  )

  it.effect("ends watches that are dropped, and tells them nothing more", () =>
    Effect.gen(function* () {
      const { create, seen, server: api, watch } = yield* server()
      const watching = yield* watch()
      yield* settled
      yield* api.dropWatches(() => true, "dropped")
      expect((yield* Effect.flip(Fiber.join(watching))).reason).toBe("Unavailable")
      yield* create("one")
      yield* settled
      expect(seen).toEqual([])
    })
  )
})
