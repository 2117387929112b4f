/** What a client may take of an HTTP door: it can neither hold connections without end, nor be served by none. */
import { connect, createServer, type Socket } from "node:net"
import { constants } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, type Scope } from "effect"
import { addressText, answerHttp, plain } from "../../src/socket/NodeHttp.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { freePorts } from "../kit/freePorts.ts"

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

/** A kernel without IPv6 (`ipv6.disable=1`) refuses every such socket: so does this one until the scope closes. */
const withoutIpv6 = Effect.acquireRelease(
  Effect.promise(async () => {
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve))
    // An edge: Node shows its socket nowhere else.
    const handle = Object.getPrototypeOf(Reflect.get(probe, "_handle")) as { bind6: unknown }
    probe.close()
    const { bind6 } = handle
    handle.bind6 = () => -constants.errno.EAFNOSUPPORT
    return () => {
      handle.bind6 = bind6
    }
  }),
  (restore) => Effect.sync(restore)
)

describe("an HTTP door at every address", () => {
  const routes = { "GET /": Effect.succeed(plain("well\n")) }

  it.live("is open over IPv4 where the kernel has no IPv6", () =>
    Effect.gen(function* () {
      yield* withoutIpv6
      const [port = 0] = yield* Effect.promise(() => freePorts(1))
      yield* answerHttp({ host: Option.none(), port }, routes)
      const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/`))
      expect(yield* Effect.promise(() => answer.text())).toBe("well\n")
    })
  )

  it.live("is not open anywhere else where one address of IPv6 was named", () =>
    Effect.gen(function* () {
      yield* withoutIpv6
      const [port = 0] = yield* Effect.promise(() => freePorts(1))
      const error = yield* Effect.flip(answerHttp({ host: Option.some("::1"), port }, routes))
      expect(String(error.cause)).toContain("EAFNOSUPPORT")
    })
  )

  it("is told as people write it", () => {
    expect(addressText({ host: Option.none(), port: 9402 })).toBe(":9402")
    expect(addressText({ host: Option.some("::1"), port: 9402 })).toBe("[::1]:9402")
    expect(addressText({ host: Option.some("127.0.0.1"), port: 9402 })).toBe("127.0.0.1:9402")
  })
})
