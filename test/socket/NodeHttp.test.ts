/** What a client may take of an HTTP door: it can neither hold connections without end, nor be served by none. */
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { answerHttp, plain } from "../../src/socket/NodeHttp.ts"
import { temporaryFolder } from "../kit/folders.ts"

/** A connection that has sent these bytes. */
const open = (path: string, sent: string): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(path, () => resume(Effect.succeed(socket)))
      socket.on("error", () => undefined)
      socket.write(sent)
    }),
    (socket) => Effect.sync(() => void socket.destroy())
  )

/** What comes over a connection until the server closes it. */
const received = (socket: Socket): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let text = ""
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part
    })
    socket.on("close", () => resume(Effect.succeed(text)))
  })

const serve = Effect.fnUntraced(function* (limits: { readonly connections: number; readonly arrivalMillis: number }) {
  const path = join(yield* temporaryFolder, "http.sock")
  yield* answerHttp({ path }, { "GET /": Effect.succeed(plain("well\n")) }, limits)
  return path
})

const whole = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"

describe("an HTTP door", () => {
  it.live("closes connections beyond its number, and serves again when one is free", () =>
    Effect.gen(function* () {
      const path = yield* serve({ connections: 2, arrivalMillis: 600_000 })
      const first = yield* open(path, "GET")
      yield* open(path, "GET")
      expect(yield* Effect.flatMap(open(path, whole), received)).toBe("")
      yield* Effect.callback<void>((resume) => {
        first.destroy()
        first.on("close", () => resume(Effect.void))
      })
      const served = Effect.flatMap(open(path, whole), received)
      const answer = yield* Effect.repeat(served, { until: (text) => text !== "" })
      expect(answer).toContain("well")
    })
  )

  it.live.each(["", "GET / HTTP/1.1\r\nhost: x\r\n"])("closes a connection that has sent no more than %j", (sent) =>
    Effect.gen(function* () {
      const path = yield* serve({ connections: 2, arrivalMillis: 50 })
      const [, answer] = [yield* open(path, sent), yield* Effect.flatMap(open(path, sent), received)]
      expect(answer).toMatch(/^(HTTP\/1.1 408 |$)/)
      expect(yield* Effect.flatMap(open(path, whole), received)).toContain("well")
    })
  )
})
