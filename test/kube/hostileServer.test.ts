import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Option } from "effect"
import { describe, expect } from "vitest"
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
  ["sends a line without an end", flood(megabyte)],
  ["sends lines without an end", flood(`${"x".repeat(1023)}\n`.repeat(1024))],
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

/** A server whose behaviour can be changed, and the client of it. */
const server = Effect.gen(function* () {
  const now = { behaviour: status(200, "{}") }
  const http = createServer((_, answer) => now.behaviour(answer))
  http.on("clientError", (_, socket) => socket.destroy())
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => http.close().closeAllConnections())
  )
  // An edge: a server that listens on a port has an address of this kind.
  const { port } = http.address() as AddressInfo
  const kube = {
    ...kubeSettings,
    server: Option.some(`http://127.0.0.1:${port}`),
    insecureSkipTlsVerify: true,
    requestTimeout: Duration.seconds(1)
  }
  const client = Layer.provide(KubeApiServer.layer, settingsLayer(kube))
  return { now, client: Context.get(yield* Layer.build(client), ApiServer) }
})

const ask = { action: "list Things", method: "GET", path: "/things" } as const
const reader = { opened: Effect.void, take: (event: unknown) => (event === undefined ? "enough" : "more") } as const

describe("KubeApiServer, of a server that", () => {
  it.live.each(hostile)(
    "%s: a call fails with a typed error, a watch ends, and both recover",
    ([, behaviour]) =>
      Effect.gen(function* () {
        const { client, now } = yield* server
        now.behaviour = behaviour
        const before = process.memoryUsage().rss
        const error = yield* Effect.flip(client.call(ask))
        expect(error).toBeInstanceOf(ApiError)
        expect(error.retryAfterMillis ?? 0).toBeLessThanOrEqual(60_000)
        expect(error.message.length).toBeLessThan(1100)
        // A watch may stay open on a server that has begun an answer: what is read of it is bounded all the same.
        yield* Effect.exit(client.follow(ask, reader).pipe(Effect.timeoutOption("2 seconds")))
        expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024)
        now.behaviour = status(200, '{"good":true}')
        expect(yield* client.call(ask)).toEqual({ good: true })
        let events = 0
        yield* client.follow(ask, { opened: Effect.void, take: () => (++events > 0 ? "more" : "enough") })
        expect(events).toBe(1)
      }),
    30_000
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
