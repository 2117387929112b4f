import { it } from "@effect/vitest"
import { Duration, Effect, Logger, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import * as Health from "../../src/Health.ts"
import { ApiError } from "../../src/kube/ApiError.ts"
import { type ApiCall, ApiServer, type EventReader } from "../../src/kube/ApiServer.ts"
import { watch } from "../../src/kube/watch.ts"

const names = (object: unknown): Option.Option<string> =>
  typeof object === "object" && object !== null && "name" in object && typeof object.name === "string"
    ? Option.some(object.name)
    : Option.none()

const page = (items: ReadonlyArray<unknown>, next = "") => ({
  metadata: { resourceVersion: "7", continue: next },
  items
})
const event = { type: "ADDED", object: { name: "a", metadata: { resourceVersion: "8" } } }
const gone = { type: "ERROR", object: { code: 410, message: "too old" } }

/** A watch on a server of one's own, for some minutes of the test clock: what was called, seen and complained of. */
const watchFor = Effect.fnUntraced(function* (
  minutes: number,
  behaviour: {
    readonly call?: (call: ApiCall) => Effect.Effect<unknown, ApiError>
    readonly follow: (reader: EventReader) => Effect.Effect<void, ApiError>
    readonly decode?: (object: unknown) => Option.Option<string>
  }
) {
  let lists = 0
  let follows = 0
  const seen: Array<string> = []
  const server = ApiServer.of({
    call: (call) =>
      Effect.suspend(() => {
        lists++
        return behaviour.call?.(call) ?? Effect.succeed(page([]))
      }),
    follow: (_, reader) =>
      Effect.suspend(() => {
        follows++
        return Effect.andThen(reader.opened, behaviour.follow(reader))
      })
  })
  const store = {
    listing: () => ({ add: (name: string) => void seen.push(name), finish: () => undefined }),
    seen: (name: string) => void seen.push(name),
    gone: () => undefined
  }
  const watched = { kind: "Things", path: "/things", query: {}, decode: behaviour.decode ?? names, meanwhile: "wait" }
  yield* Effect.forkScoped(watch(server, watched, store))
  yield* TestClock.adjust(Duration.minutes(minutes))
  const { look } = yield* Health.Health
  const complaints = (yield* look).flatMap(({ complaint }) => Option.toArray(complaint))
  return { lists, follows, seen, complaints }
})

const withBoard = Effect.provide(Health.layer)

describe("the pace of a watch", () => {
  it.effect("that delivers one event and ends is opened a few times a minute", () =>
    Effect.gen(function* () {
      const { follows, lists } = yield* watchFor(10, { follow: ({ take }) => Effect.sync(() => void take(event)) })
      expect(follows).toBeGreaterThan(20)
      expect(follows).toBeLessThan(120)
      expect(lists).toBe(1)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("that forgets its place after each event is listed a few times a minute", () =>
    Effect.gen(function* () {
      const follow = ({ take }: EventReader) => Effect.sync(() => void [event, gone].map(take))
      const { lists } = yield* watchFor(10, { follow })
      expect(lists).toBeGreaterThan(20)
      expect(lists).toBeLessThan(120)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("that the server leaves silent is opened again once bookmarks have stopped", () =>
    Effect.gen(function* () {
      const { follows } = yield* watchFor(4, { follow: () => Effect.never })
      expect(follows).toBe(2)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("that the server never ends is opened again after its time, although it is not silent", () =>
    Effect.gen(function* () {
      const bookmark = { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } }
      const follow = ({ take }: EventReader) =>
        Effect.forever(
          Effect.andThen(
            Effect.sleep("1 minute"),
            Effect.sync(() => void take(bookmark))
          )
        )
      const { follows, lists } = yield* watchFor(22, { follow })
      expect(follows).toBeGreaterThan(2)
      expect(lists).toBe(1)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("does not read a page again and again that follows itself", () =>
    Effect.gen(function* () {
      const call = () => Effect.succeed(page([{ name: "a" }], "the same"))
      const { lists } = yield* watchFor(1, { call, follow: () => Effect.never })
      expect(lists).toBeLessThan(60)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("stays away for as long as the server asks", () =>
    Effect.gen(function* () {
      const throttled = new ApiError({ reason: "Throttled", action: "list", detail: "busy", retryAfterMillis: 30_000 })
      const { lists } = yield* watchFor(3, { call: () => Effect.fail(throttled), follow: () => Effect.never })
      expect(lists).toBeGreaterThan(3)
      expect(lists).toBeLessThanOrEqual(7)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("that is refused comes back at another moment than every other one", () =>
    Effect.gen(function* () {
      const clock = yield* TestClock.testClockWith(Effect.succeed)
      const times: Array<number> = []
      const call = () =>
        Effect.suspend(() => {
          times.push(clock.currentTimeMillisUnsafe())
          return Effect.fail(new ApiError({ reason: "Unavailable", action: "list", detail: "away" }))
        })
      for (let one = 0; one < 10; one++) yield* Effect.scoped(watchFor(0, { call, follow: () => Effect.never }))
      times.length = 0
      yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => Effect.forkScoped(watchFor(0, { call, follow: () => Effect.never })),
        { discard: true }
      )
      yield* TestClock.adjust("250 millis")
      expect(new Set(times.slice(10)).size).toBeGreaterThan(5)
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("that meets a defect goes on, is complained of, and recovers", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))
      const isBroken = yield* Ref.make(true)
      const decode = (object: unknown) => {
        if (Effect.runSync(Ref.get(isBroken))) throw new Error("cannot be")
        return names(object)
      }
      const behaviour = { call: () => Effect.succeed(page([{ name: "a" }])), follow: () => Effect.never, decode }
      const { complaints } = yield* Effect.provide(watchFor(2, behaviour), Logger.layer([logger]))
      expect(complaints.join()).toContain("certlet has a defect here")
      expect(lines.some((line) => line.startsWith("Error watch Things"))).toBe(true)
      yield* Ref.set(isBroken, false)
      yield* TestClock.adjust("20 seconds")
      const { look } = yield* Health.Health
      expect((yield* look).flatMap(({ complaint }) => Option.toArray(complaint))).toEqual([])
    }).pipe(Effect.scoped, withBoard)
  )

  it.effect("lists in smaller pages where objects are large, and gives up only on a single one", () =>
    Effect.gen(function* () {
      const call = ({ query = {} }: ApiCall) => {
        const { continue: next = "0", limit = "0" } = query
        const [first, size] = [Number(next), Number(limit)]
        if (size > 3) {
          const detail = "the answer is too large"
          return Effect.fail(new ApiError({ reason: "Unavailable", action: "list", detail, oversized: true }))
        }
        const last = Math.min(20, first + size)
        const items = Array.from({ length: last - first }, (_, index) => ({ name: String(first + index) }))
        return Effect.succeed(page(items, last === 20 ? "" : String(last)))
      }
      const { lists, seen } = yield* watchFor(1, { call, follow: () => Effect.never })
      expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => String(index)))
      expect(lists).toBeLessThan(40)
    }).pipe(Effect.scoped, withBoard)
  )
})
