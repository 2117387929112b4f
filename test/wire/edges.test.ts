/**
 * The wire at its edges: sentences that no header can carry, a shutdown while clients do not go and handlers that
 * cannot stop at once, and sockets that are not ours, or no longer.
 */

import { spawn } from "node:child_process"
import { existsSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Result, Scope } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { Driver } from "../../src/driver/Driver.ts"
import type { PublishCall } from "../../src/driver/DriverCalls.ts"
import { PublishError, Unpublished } from "../../src/driver/DriverError.ts"
import { IssuanceError } from "../../src/issuance/IssuanceError.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { leaveStale, makeRecorder, serveOn } from "./RecordingDriver.ts"

const volume = { volumeId: "csi-1", target: "/pods/uid/volumes/tls/mount", context: {} }

/** A driver that notes when it ends, with a publish that notes what becomes of it. */
const makeNotes = (publish: (note: (text: string) => Effect.Effect<void>) => Effect.Effect<void>) => {
  const notes: Array<string> = []
  const note = (text: string) => Effect.sync(() => void notes.push(text))
  const started = Deferred.makeUnsafe<void>()
  const driver = Layer.effect(
    Driver,
    Effect.as(
      Effect.addFinalizer(() => note("driver ended")),
      Driver.of({
        publish: (_: PublishCall) => Effect.andThen(Deferred.succeed(started, undefined), publish(note)),
        unpublish: () => Effect.void,
        inspect: () => Effect.succeed({ usage: Option.none(), complaints: [] }),
        renewNow: () => Effect.fail(new Unpublished()),
        status: Effect.succeed([]),
        measure: Effect.succeed(new Map()),
        keepsKeys: Effect.succeed(true),
        metrics: Effect.succeed("")
      })
    )
  )
  // A waiter is resumed inside the handler's very first step; the end of a process never begins there.
  return { driver, notes, started: Effect.andThen(Deferred.await(started), Effect.yieldNow) }
}

const serveInScope = (...args: Parameters<typeof serveOn>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Scope.provide(serveOn(...args), scope)
    return Scope.close(scope, Exit.void)
  })

describe("a sentence", () => {
  it.live.each([
    { kind: "longer than a header", detail: "x".repeat(1_000_000) },
    { kind: "of wide characters", detail: "證".repeat(50_000) },
    { kind: "that was cut in the middle of a character", detail: "x".repeat(999) + "😀".slice(0, 1) },
    { kind: "of several lines", detail: "one\r\ntwo\0" }
  ])("$kind arrives with its code and its advice", ({ detail }) =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const reason = new IssuanceError({ reason: "Failed", request: "apps/r", detail })
      const { driver } = yield* makeRecorder(() => new PublishError({ volumeId: "csi-1", pod: "apps/web", reason }))
      yield* serveOn(socket, driver)
      const kubelet = yield* connectKubelet(socket)
      const error = yield* Effect.flip(kubelet.publish(volume)).pipe(Effect.timeout("5 seconds"))
      expect(error.code).toBe("FAILED_PRECONDITION")
      expect(error.detail).toMatch(/^pod apps\/web: [^\n\0]+; [^;]+issuer's status$/)
      yield* kubelet.probe
    })
  )
})

describe("the end", () => {
  it.live("awaits what a cancelled call cannot leave half done, before the driver ends", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const go = yield* Deferred.make<void>()
      const { driver, notes, started } = makeNotes((note) =>
        Effect.uninterruptible(Effect.andThen(Deferred.await(go), note("publish ended")))
      )
      const close = yield* serveInScope(socket, driver)
      const kubelet = yield* connectKubelet(socket)
      const publishing = yield* Effect.forkChild(kubelet.publish(volume))
      yield* started
      yield* Fiber.interrupt(publishing)
      // On one connection what was sent first is heard first: now the server knows of the cancellation.
      yield* kubelet.probe
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { times: 200 })
      expect(notes).toEqual([])
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(closing)
      expect(notes).toEqual(["publish ended", "driver ended"])
    })
  )

  it.live("says why a call is cut off, and lets it tidy up before the driver ends", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver, notes, started } = makeNotes((note) =>
        Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.yieldNow, note("tidied up")))
      )
      const close = yield* serveInScope(socket, driver, "100 millis")
      const publishing = yield* Effect.forkChild(Effect.flip((yield* connectKubelet(socket)).publish(volume)))
      yield* started
      yield* close
      expect(yield* Fiber.join(publishing)).toMatchObject({
        code: "UNAVAILABLE",
        detail: expect.stringContaining("certlet is ending")
      })
      expect(notes).toEqual(["tidied up", "driver ended"])
    })
  )

  it.live("does not wait for a client that neither calls nor goes", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      const close = yield* serveInScope(socket, driver, "20 seconds")
      const stranger = yield* Effect.callback<ReturnType<typeof connect>>((resume) => {
        const socketOfStranger = connect(socket, () => resume(Effect.succeed(socketOfStranger)))
        socketOfStranger.on("error", () => undefined)
      })
      yield* (yield* connectKubelet(socket)).probe
      const [took] = yield* Effect.timed(close)
      stranger.destroy()
      expect(Duration.toSeconds(took)).toBeLessThan(5)
    })
  )
})

describe("the socket", () => {
  it.live.each([
    { before: "nothing", prepare: () => Effect.void },
    { before: "a dead process's socket", prepare: leaveStale }
  ])("is for one of many that start at once where $before was", ({ prepare }) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const socket = join(folder, "csi.sock")
      yield* prepare(socket)
      const { driver } = yield* makeRecorder(() => Effect.void)
      const starts = Array.from({ length: 8 }, () => Effect.result(serveOn(socket, driver)))
      const ends = yield* Effect.all(starts, { concurrency: "unbounded" })
      expect(ends.filter(Result.isSuccess)).toHaveLength(1)
      const reasons = ends.flatMap((end) => (Result.isFailure(end) ? [end.failure.reason] : []))
      expect(new Set(reasons)).toEqual(new Set(["InUse"]))
      yield* (yield* connectKubelet(socket)).probe
      expect(readdirSync(folder)).toEqual(["csi.sock"])
    })
  )

  it.live("is taken without a trace of processes that were killed before they had it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* leaveStale(join(folder, ".0123abcd"))
      yield* serveOn(join(folder, ".89abcdef"), driver)
      writeFileSync(join(folder, ".feedbeef"), "no socket")
      yield* serveOn(join(folder, "csi.sock"), driver)
      expect(readdirSync(folder).sort()).toEqual([".89abcdef", ".feedbeef", "csi.sock"])
    })
  )

  it.live("is left alone at the end by a server that no longer owns it, and leaves no other file", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const socket = join(folder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      const close = yield* serveInScope(socket, driver)
      expect(readdirSync(folder)).toEqual(["csi.sock"])
      renameSync(socket, join(folder, "moved"))
      writeFileSync(socket, "somebody else's")
      yield* close
      expect(existsSync(socket)).toBe(true)
    })
  )

  it.live("is not taken from a process that is too busy to answer", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const busy = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof spawn>>((resume) => {
          // It listens, and then its loop stands still: the kernel alone keeps its callers, no more than it has room
          // for.
          const program = `require("node:net").createServer().listen({ path: ${JSON.stringify(socket)}, backlog: 1 }, () => {
            require("node:fs").writeSync(1, "up"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) })`
          const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] })
          child.stdout.once("data", () => resume(Effect.succeed(child)))
        }),
        (child) => Effect.sync(() => void child.kill("SIGKILL"))
      )
      yield* Effect.acquireRelease(
        Effect.callback<ReadonlyArray<ReturnType<typeof connect>>>((resume) => {
          const callers = Array.from({ length: 8 }, () => connect(socket))
          for (const caller of callers) caller.once("error", () => resume(Effect.succeed(callers)))
        }),
        (callers) => Effect.forEach(callers, (caller) => Effect.sync(() => caller.destroy()))
      )
      const { driver } = yield* makeRecorder(() => Effect.void)
      expect(yield* Effect.flip(serveOn(socket, driver))).toMatchObject({ reason: "InUse" })
      expect(busy.exitCode).toBe(null)
    })
  )
})
