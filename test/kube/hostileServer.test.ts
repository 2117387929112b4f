import { createServer, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import { describe, expect } from "vitest"
import { makeAuthority } from "../../src/embedded/Authority.ts"
import { nodeAuthority, serverCredential } from "../../src/embedded/NodeAuthority.ts"
import { ApiError } from "../../src/kube/ApiError.ts"
import { ApiServer } from "../../src/kube/ApiServer.ts"
import * as KubeApiServer from "../../src/kube/KubeApiServer.ts"
import { settingsLayer } from "../kit/LiveClient.ts"
import { kubeSettings } from "../kit/settings.ts"

/** What a server does with one request. */
type Behaviour = (answer: ServerResponse) => void

const raw =
  (text: string, close = true): Behaviour =>
  ({ socket }) => {
    socket?.write(text)
    if (close) socket?.end()
  }
const status =
  (code: number, body: string, headers: Record<string, string> = {}): Behaviour =>
  (answer) =>
    void answer.writeHead(code, headers).end(body)
const flood =
  (piece: string): Behaviour =>
  (answer) => {
    answer.on("error", () => undefined)
    const pour = () => {
      while (!answer.destroyed && answer.write(piece)) {}
    }
    answer.on("drain", pour)
    pour()
  }
const megabyte = "x".repeat(1024 * 1024)
const head = "HTTP/1.1 200 OK\r\n"

const endlessLine = "sends a line without an end"
const endlessLines = "sends lines without an end"

const hostile: ReadonlyArray<readonly [string, Behaviour]> = [
  ["closes at once", (answer) => answer.destroy()],
  ["never answers", () => undefined],
  ["speaks another protocol", raw("SSH-2.0-OpenSSH_9.9\r\n")],
  ["answers with nothing", raw(`${head}content-length: 0\r\n\r\n`)],
  ["closes after half a status line", raw("HTTP/1.1 20")],
  ["closes within the headers", raw(`${head}content-le`)],
  ["closes after the headers", raw(`${head}content-length: 100\r\n\r\n`)],
  ["promises more than it sends", raw(`${head}content-length: 100\r\n\r\n{"kind":`)],
  ["never ends its body", raw(`${head}content-length: 100\r\n\r\n{"kind":`, false)],
  ["sends a content-length that is no number", raw(`${head}content-length: many\r\n\r\n{}`)],
  ["sends two content-lengths", raw(`${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`)],
  ["sends a broken chunk", raw(`${head}transfer-encoding: chunked\r\n\r\nzz\r\n{}`)],
  ["sends a chunk of a size beyond numbers", raw(`${head}transfer-encoding: chunked\r\n\r\n${"f".repeat(40)}\r\n{}`)],
  ["sends headers without an end", raw(`${head}x: ${megabyte}`, false)],
  ["sends a thousand headers", raw(`${head}${"x: y\r\n".repeat(9000)}\r\n{}`)],
  ["sends 100 without an end", raw("HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000), false)],
  ["sends 103 and nothing more", raw("HTTP/1.1 103 Early Hints\r\n\r\n", false)],
  ["switches protocols", raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", false)],
  ["answers 204", status(204, "")],
  ["answers 304", status(304, "")],
  ["redirects", status(302, "", { location: "http://127.0.0.1:1/" })],
  ["answers a status that nobody knows", status(999, "{}")],
  ["sends a page of HTML", status(200, "<html>log in</html>")],
  ["sends bytes that are no UTF-8", (answer) => void answer.end(Buffer.from([0xff, 0xfe, 0x00, 0xc3]))],
  ["sends JSON that is cut off", status(200, '{"items":[{"metadata":')],
  ["sends a byte order mark", status(200, "\ufeff{}")],
  ["sends something after its JSON", status(200, "{} and more")],
  ["sends two JSONs in a line", status(200, "{}{}")],
  ["sends JSON with NUL after it", status(200, "{}\u0000")],
  [
    "sends gzip that nobody asked for",
    (answer) => void answer.setHeader("content-encoding", "gzip").end(gzipSync("{}"))
  ],
  [endlessLine, flood(megabyte)],
  [endlessLines, flood(`${"x".repeat(1023)}\n`.repeat(1024))],
  ["refuses with a text without an end", (answer) => flood(megabyte)(answer.writeHead(500))],
  ["refuses with a text that never comes", (answer) => void answer.writeHead(503).flushHeaders()],
  ["refuses with 401", status(401, "")],
  ["refuses with 403 and HTML", status(403, "<html>")],
  ["refuses with 410", status(410, '{"kind":"Status","code":410}')],
  ["refuses with 429 and an endless Retry-After", status(429, "", { "retry-after": "9".repeat(400) })],
  ["refuses with 429 and Retry-After nonsense", status(429, "", { "retry-after": "-1, soon" })],
  ["refuses with 500 and a message that is no text", status(500, '{"message":{"__proto__":1}}')],
  ["refuses with 500 and a list", status(500, "[[[[]]]]")],
  ["refuses with a long message", status(500, JSON.stringify({ message: megabyte }))]
]

const clientOf = (server: string) => {
  const kube = {
    ...kubeSettings,
    server: Option.some(server),
    insecureSkipTlsVerify: true,
    requestTimeout: Duration.seconds(1)
  }
  return Effect.map(Layer.build(Layer.provide(KubeApiServer.layer, settingsLayer(kube))), (context) =>
    Context.get(context, ApiServer)
  )
}

const listening = (server: Server, close: () => void) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      // An edge: a server that listens on a port has an address of this kind.
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.sync(close)
  )

/** A server whose behaviour can be changed, and the client of it. */
const server = Effect.gen(function* () {
  const now = { behaviour: status(200, "{}") }
  const http = createServer((_, answer) => now.behaviour(answer))
  http.on("clientError", (_, socket) => socket.destroy())
  const port = yield* listening(http, () => http.close().closeAllConnections())
  return { now, http, client: yield* clientOf(`http://127.0.0.1:${port}`) }
})

const ask = { action: "list Things", method: "GET", path: "/things" } as const
const make = { action: "create a Thing", method: "POST", path: "/things", body: {} } as const
const reader = { opened: Effect.void, take: (event: unknown) => (event === undefined ? "enough" : "more") } as const

/** A call has a second here, which a busy machine may need for itself; a client that does not recover never does. */
const recovered = <A, E>(call: Effect.Effect<A, E>) => Effect.retry(call, { times: 9 })

describe("KubeApiServer, of a server that", () => {
  it.live.each(hostile)(
    "%s: a call fails with a typed error, a watch ends, and both recover",
    ([name, behaviour]) =>
      Effect.gen(function* () {
        const { client, now } = yield* server
        now.behaviour = behaviour
        const before = process.memoryUsage().rss
        const error = yield* Effect.flip(client.call(ask))
        expect(error).toBeInstanceOf(ApiError)
        expect(error.retryAfterMillis ?? 0).toBeLessThanOrEqual(60_000)
        expect(error.message.length).toBeLessThan(1100)
        // A list that is too large is asked for again in smaller pages; any other answer is not.
        expect(error.oversized === true).toBe(name === endlessLine || name === endlessLines)
        // A watch may stay open on a server that has begun an answer: what is read of it is bounded all the same.
        yield* Effect.exit(client.follow(ask, reader).pipe(Effect.timeoutOption("2 seconds")))
        expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024)
        now.behaviour = status(200, '{"good":true}')
        expect(yield* recovered(client.call(ask))).toEqual({ good: true })
        let events = 0
        yield* client.follow(ask, { opened: Effect.void, take: () => (++events > 0 ? "more" : "enough") })
        expect(events).toBe(1)
      }),
    30_000
  )

  it.live.each([
    [403, "Unavailable"],
    [422, "Unavailable"],
    [429, "Unavailable"],
    [409, "Conflict"]
  ] as const)(
    "closes a kept connection when it has done a create, and answers %i on the next: it is %s",
    ([code, reason]) =>
      Effect.gen(function* () {
        const { client, now } = yield* server
        yield* client.call(ask)
        // The connection is given back when the answer has been read.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        let creates = 0
        now.behaviour = (answer) => (++creates === 1 ? void answer.destroy() : status(code, "{}")(answer))
        expect((yield* Effect.flip(client.call(make))).reason).toBe(reason)
        expect(creates).toBe(2)
        // A refusal of a call that was sent once is what it says.
        now.behaviour = status(403, "{}")
        expect((yield* Effect.flip(client.call(make))).reason).toBe("Forbidden")
      })
  )

  it.live("does not know a pod's token is asked once with it, and twice with certlet's own credentials", () =>
    Effect.gen(function* () {
      const { client, now } = yield* server
      let asked = 0
      now.behaviour = (answer) => {
        asked++
        status(401, "{}")(answer)
      }
      const token = Option.some(Redacted.make("a pod's"))
      expect((yield* Effect.flip(client.call({ ...make, token }))).reason).toBe("Unauthorized")
      expect(asked).toBe(1)
      expect((yield* Effect.flip(client.call(make))).reason).toBe("Unauthorized")
      expect(asked).toBe(3)
    })
  )

  it.live("takes a body by its length in bytes gets all of it", () =>
    Effect.gen(function* () {
      const { client, http } = yield* server
      const bodies: Array<string> = []
      http.prependListener("request", (request) => {
        request.setEncoding("utf8").on("data", (text: string) => bodies.push(text))
      })
      yield* client.call({ ...make, body: { message: "überträgt → ✓" } })
      expect(JSON.parse(bodies.join(""))).toEqual({ message: "überträgt → ✓" })
    })
  )

  it.live("ends its lines as Windows does: each event is read", () =>
    Effect.gen(function* () {
      const { client, now } = yield* server
      now.behaviour = status(200, '{"n":1}\r\n{"n":2}\r\n\r\n{"n":3}')
      const events: Array<unknown> = []
      const take = (event: unknown) => {
        events.push(event)
        return "more" as const
      }
      yield* client.follow(ask, { opened: Effect.void, take })
      expect(events.filter((event) => event !== undefined)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    })
  )

  it.live("shows an event that its reader stumbles over: the watch dies of it, and not the process", () =>
    Effect.gen(function* () {
      const { client } = yield* server
      const take = () => {
        throw new Error("cannot be")
      }
      const exit = yield* Effect.exit(client.follow(ask, { opened: Effect.void, take }))
      expect(String(exit)).toContain("cannot be")
    })
  )
})

/** What a server does with one connection, before or instead of TLS. */
type Welcome = (socket: Socket) => void

const onFirstBytes =
  (act: Welcome): Welcome =>
  (socket) =>
    void socket.once("data", () => act(socket))

/** A server behind TLS that can be hostile before a connection is secure, or after; and the client of it. */
const secureServer = Effect.gen(function* () {
  const { certificate, key } = yield* serverCredential(yield* makeAuthority(nodeAuthority("hostile")))
  const now = { behaviour: status(200, "{}") }
  const secure = createSecureServer({ cert: certificate, key }, (_, answer) => now.behaviour(answer))
  const serve: Welcome = (socket) => void secure.emit("connection", socket)
  const door = { welcome: serve }
  const sockets = new Set<Socket>()
  const doorway = createSocketServer((socket) => {
    sockets.add(socket.on("error", () => undefined))
    door.welcome(socket)
  })
  secure.on("tlsClientError", () => undefined)
  const port = yield* listening(doorway, () => {
    doorway.close()
    for (const socket of sockets) socket.destroy()
  })
  return { now, door, serve, sockets, client: yield* clientOf(`https://127.0.0.1:${port}`) }
})

const beforeTls: ReadonlyArray<readonly [string, Welcome]> = [
  ["closes before a word", (socket) => void socket.destroy()],
  ["closes in the handshake", onFirstBytes((socket) => void socket.destroy())],
  ["says nothing in the handshake", () => undefined],
  ["speaks HTTP without TLS", onFirstBytes((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))],
  [
    "answers the handshake with an alert",
    onFirstBytes((socket) => void socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 40])))
  ],
  ["answers the handshake with half a record", onFirstBytes((socket) => void socket.end(Buffer.from([22, 3, 3, 64])))],
  ["answers the handshake with noise", onFirstBytes((socket) => void socket.write(Buffer.alloc(65_536, 0xa5)))]
]

const withinTls: ReadonlyArray<readonly [string, Behaviour]> = [
  ["closes instead of an answer", (answer) => void answer.destroy()],
  ["closes within the headers", raw(`${head}content-le`)],
  ["closes within the body", raw(`${head}content-length: 100\r\n\r\n{"kind":`)],
  ["closes within a chunk", raw(`${head}transfer-encoding: chunked\r\n\r\nff\r\n{"kind":`)]
]

const failsAndRecovers = Effect.fnUntraced(function* ({
  client,
  door,
  now,
  serve,
  sockets
}: Effect.Success<typeof secureServer>) {
  const error = yield* Effect.flip(client.call(ask))
  expect(error).toMatchObject({ _tag: "ApiError", reason: "Unavailable" })
  yield* Effect.flip(client.follow(ask, reader))
  now.behaviour = status(200, '{"good":true}')
  door.welcome = serve
  expect(yield* recovered(client.call(ask))).toEqual({ good: true })
  expect(sockets.size).toBeLessThan(20)
})

describe("KubeApiServer, of a server behind TLS that", () => {
  it.live.each(beforeTls)("%s: a call and a watch fail with a typed error, and both recover", ([, welcome]) =>
    Effect.gen(function* () {
      const server = yield* secureServer
      server.door.welcome = welcome
      yield* failsAndRecovers(server)
    })
  )

  it.live.each(withinTls)("%s: a call and a watch fail with a typed error, and both recover", ([, behaviour]) =>
    Effect.gen(function* () {
      const server = yield* secureServer
      server.now.behaviour = behaviour
      yield* failsAndRecovers(server)
    })
  )
})
