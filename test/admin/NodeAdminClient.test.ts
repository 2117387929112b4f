/**
 * What an operator reads whose question gets no answer: where it was asked, what is wrong there, and what to look at.
 */
import { createServer } from "node:http"
import * as net from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { askStatus } from "../../src/admin/NodeAdminClient.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { leaveStale } from "../wire/RecordingDriver.ts"

/** A server at the socket until the test ends. */
const listen = (socket: string, server: net.Server) =>
  Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(socket, () => resume(Effect.void))),
    () => Effect.sync(() => void server.close())
  )

const answering = (status: number, text: string) => (socket: string) =>
  listen(
    socket,
    createServer((_, answer) => answer.writeHead(status, { connection: "close" }).end(text))
  )

describe("an operator's question", () => {
  it.live.each([
    { asked: "nobody", prepare: () => Effect.void, says: /no certlet is there: is it running on this node/ },
    {
      asked: "a dead process",
      prepare: leaveStale,
      says: /no certlet answers there; it has ended or is about to start/
    },
    {
      asked: "a process that ends before it has read",
      prepare: (socket: string) =>
        listen(
          socket,
          net.createServer((connection) => connection.destroy())
        ),
      says: /certlet ended before it answered/
    },
    {
      asked: "a process that ends before it answers",
      prepare: (socket: string) =>
        listen(
          socket,
          net.createServer((connection) => connection.once("data", () => connection.destroy()))
        ),
      says: /certlet ended before it answered/
    },
    { asked: "a server with no JSON", prepare: answering(200, "hello"), says: /is not this version of certlet$/ },
    { asked: "a server with other JSON", prepare: answering(200, "{}"), says: /is not this version of certlet$/ },
    { asked: "a server that refuses", prepare: answering(404, "not here\n"), says: /: answered 404: not here$/ }
  ])("of $asked is answered with the reason", ({ prepare, says }) =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "certlet.sock")
      yield* prepare(socket)
      const { message } = yield* Effect.flip(askStatus(socket))
      expect(message.startsWith(`${socket}: `)).toBe(true)
      expect(message).toMatch(says)
    })
  )
})
