import { it } from "@effect/vitest"
import { Effect, Fiber, Logger, Option } from "effect"
import { describe, expect } from "vitest"
import type { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import type { ServerEvent } from "../../src/embedded/NodeApiServer.ts"
import type { RequestReference } from "../../src/issuance/CertificateRequest.ts"
import type { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { connect, draft, expectEvent, liveClient, record } from "../kit/LiveClient.ts"

const limit = 20_000

const opened = (event: ServerEvent) => event._tag === "WatchOpened"
const listedAgain = (event: ServerEvent) => event._tag === "Request" && event.verb === "list"

/** The resourceVersions from which watches were begun. */
const watchedFrom = (events: ReadonlyArray<ServerEvent>) =>
  events.flatMap((event) =>
    event._tag === "Request" && event.verb === "watch"
      ? [new URL(event.path, "https://localhost").searchParams.get("resourceVersion")]
      : []
  )

/** A request that nobody signs, and a fiber that waits for it. */
const pending = Effect.fnUntraced(function* (cluster: EmbeddedCluster, requests: CertificateRequests["Service"]) {
  yield* cluster.behave({ issuer: "hold" })
  const request = yield* requests.submit(yield* draft())
  const waiting = yield* Effect.forkChild(requests.await(request), { startImmediately: true })
  return { request, waiting }
})

const signedWhile = (
  cut: (cluster: EmbeddedCluster, request: RequestReference) => Effect.Effect<void, unknown>
): Effect.Effect<void, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { cluster, requests } = yield* liveClient()
      const { request, waiting } = yield* pending(cluster, requests)
      yield* cut(cluster, request)
      expect((yield* Fiber.join(waiting))._tag).toBe("Ready")
    })
  )

describe("watch: await never fails because the connection did", () => {
  it.live(
    "when the watch is cut and the certificate comes while there is none",
    () =>
      signedWhile((cluster, request) =>
        Effect.gen(function* () {
          const events = record(cluster)
          yield* cluster.dropWatches()
          yield* cluster.sign(request)
          yield* yield* expectEvent(cluster, opened)
          expect(events.filter(listedAgain)).toEqual([])
        })
      ),
    limit
  )

  it.live(
    "when the server goes away, signs meanwhile and comes back",
    () =>
      signedWhile((cluster, request) =>
        Effect.gen(function* () {
          yield* cluster.pause()
          yield* cluster.sign(request)
          yield* cluster.reopen()
        })
      ),
    limit
  )

  it.live.each(["event", "status"] as const)(
    "when the server has forgotten where the watch was (410 by %s)",
    (how) =>
      signedWhile((cluster, request) =>
        Effect.gen(function* () {
          const listed = yield* expectEvent(cluster, listedAgain)
          yield* cluster.pause()
          yield* cluster.sign(request)
          yield* cluster.expire(how)
          yield* cluster.reopen()
          yield* listed
        })
      ),
    limit
  )

  it.live.each(["{not json}\n", '{"type":"ADDED"}\n', '{"type":"SURPRISE","object":{}}\n'])(
    "when the watch says %j, which is taken for a broken connection",
    (text) =>
      signedWhile((cluster, request) =>
        Effect.gen(function* () {
          const again = yield* expectEvent(cluster, opened)
          yield* cluster.writeToWatches(text)
          yield* again
          yield* cluster.sign(request)
        })
      ),
    limit
  )

  it.live(
    "when the server ends the watch at its time",
    () =>
      signedWhile((cluster, request) =>
        Effect.gen(function* () {
          const again = yield* expectEvent(cluster, opened)
          yield* cluster.endWatches()
          yield* again
          yield* cluster.sign(request)
        })
      ),
    limit
  )

  it.live(
    "when list and watch are refused for a while",
    () =>
      signedWhile((cluster, request) =>
        Effect.gen(function* () {
          yield* cluster.trouble({ count: 2, status: 429, verbs: ["watch", "list"], retryAfter: "0" })
          yield* cluster.dropWatches()
          yield* cluster.sign(request)
        })
      ),
    limit
  )
})

describe("watch", () => {
  it.live(
    "notices what was deleted while the server's history was lost",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        const { request, waiting } = yield* pending(cluster, requests)
        yield* cluster.pause()
        cluster.store.delete("shop", request.name)
        yield* cluster.expire("event")
        yield* cluster.reopen()
        expect((yield* Effect.flip(Fiber.join(waiting))).reason).toBe("Gone")
      }),
    limit
  )

  it.live(
    "goes on from the last bookmark",
    () =>
      Effect.gen(function* () {
        const { cluster } = yield* liveClient()
        // Changes of other nodes' requests move the counter without an event for this one.
        yield* cluster.behave({ approval: "hold" })
        const other = yield* draft()
        cluster.store.create({
          apiVersion: "cert-manager.io/v1",
          kind: "CertificateRequest",
          metadata: { name: other.name, namespace: "shop" },
          spec: { request: btoa(other.signingRequest), issuerRef: { name: "ca" } }
        })
        const version = String(cluster.store.version)
        const events = record(cluster)
        const again = yield* expectEvent(cluster, opened)
        yield* cluster.sendBookmarks()
        yield* cluster.endWatches()
        yield* again
        expect(watchedFrom(events)).toEqual([version])
        expect(events.filter(listedAgain)).toEqual([])
      }),
    limit
  )

  it.live(
    "lists page by page",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig, requests } = yield* liveClient()
        const request = yield* requests.submit(yield* draft())
        const signed = yield* requests.await(request)
        const template = cluster.store.get("shop", request.name)
        if (template === undefined) return expect.fail("the request is there")
        for (let i = 0; i < 450; i++) {
          cluster.store.create({ ...template, metadata: { ...template.metadata, name: `z-${i}` } })
        }
        const events = record(cluster)
        const successor = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        expect(yield* successor.await({ namespace: "shop", name: "z-99" })).toEqual(signed)
        expect(events.filter(listedAgain)).toHaveLength(3)
      }),
    limit
  )

  it.live(
    "begins when the server is there, and lets everybody wait until then",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig, requests } = yield* liveClient()
        const request = yield* requests.submit(yield* draft())
        const signed = yield* requests.await(request)
        yield* cluster.pause()
        const successor = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        expect(yield* successor.state(request)).toEqual({ _tag: "Unseen" })
        expect((yield* Effect.flip(successor.submit(yield* draft()))).reason).toBe("Unavailable")
        const waiting = yield* Effect.forkChild(successor.await(request), { startImmediately: true })
        yield* cluster.reopen()
        expect(yield* Fiber.join(waiting)).toEqual(signed)
      }),
    limit
  )

  it.live(
    "warns once when it lacks a right, and goes on trying",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
          lines.push(`${logLevel} ${String(message)}`)
        })
        yield* Effect.gen(function* () {
          const { cluster, kubeconfig } = yield* liveClient()
          yield* cluster.trouble({ count: 3, status: 403, verbs: ["list"] })
          const watching = yield* expectEvent(cluster, opened)
          yield* connect({ kubeconfig: Option.some(kubeconfig) })
          yield* watching
        }).pipe(Effect.provide(Logger.layer([logger])))
        expect(lines.filter((line) => line.startsWith("Warn"))).toHaveLength(1)
        expect(lines.find((line) => line.startsWith("Warn"))).toContain("list CertificateRequests")
      }),
    limit
  )

  it.live(
    "ends with its scope",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig } = yield* liveClient()
        const closed = yield* expectEvent(cluster, (event) => event._tag === "WatchClosed")
        const second = yield* expectEvent(cluster, opened)
        yield* Effect.scoped(Effect.andThen(connect({ kubeconfig: Option.some(kubeconfig) }), second))
        yield* closed
        expect(yield* cluster.watches()).toBe(1)
      }),
    limit
  )
})
