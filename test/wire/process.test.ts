/**
 * The process as its supervisor sees it: it serves although the API server is away, one process owns the socket, and
 * SIGTERM ends it with code 0 while the volumes stay.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { publishCall } from "../kit/SimulatedNode.ts"
import { temporaryFolder } from "./RecordingDriver.ts"

/** A kubeconfig for a server that is not there. */
const kubeconfig = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "away", cluster: { server: "https://127.0.0.1:1" } }],
  users: [{ name: "nobody", user: { token: "none" } }],
  contexts: [{ name: "away", context: { cluster: "away", user: "nobody" } }],
  "current-context": "away"
})

const start = (folder: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      writeFileSync(join(folder, "kubeconfig"), kubeconfig)
      const flags = ["--node-id", "n", "--endpoint", join(folder, "csi.sock"), "--data-root", join(folder, "records")]
      const more = ["--kubeconfig", join(folder, "kubeconfig"), "--volume-medium", "directory", "--log-format", "json"]
      const main = join(import.meta.dirname, "../../src/main.ts")
      const child = spawn(process.execPath, [main, "run", ...flags, ...more], { stdio: ["ignore", "ignore", "pipe"] })
      let log = ""
      child.stderr.on("data", (bytes: Buffer) => {
        log += bytes.toString()
      })
      const ended = Effect.callback<{ readonly code: number | null; readonly log: string }>((resume) => {
        if (child.exitCode !== null) return resume(Effect.succeed({ code: child.exitCode, log }))
        child.once("close", (code) => resume(Effect.succeed({ code, log })))
      })
      return { child, ended }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

const served = (folder: string) =>
  Effect.tap(connectKubelet(join(folder, "csi.sock")), ({ probe }) =>
    probe.pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeout("100 seconds"))
  )

const until = (holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (held) => held }),
    Effect.timeout("100 seconds")
  )

describe("the process", () => {
  it.live("owns its socket alone, and ends on SIGTERM with code 0", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const first = yield* start(folder)
      const kubelet = yield* served(folder)
      const { code, log } = yield* (yield* start(folder)).ended
      expect(code).toBe(1)
      expect(log).toContain("already served by another process")
      yield* kubelet.probe
      first.child.kill("SIGTERM")
      expect((yield* first.ended).code).toBe(0)
      expect(existsSync(join(folder, "csi.sock"))).toBe(false)
    })
  )

  it.live("waits for a call in flight on the first SIGTERM, and not on the second", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { context, volumeId } = publishCall("web", { "csi.cert-manager.io/key-algorithm": "ECDSA" })
      const target = join(folder, "pods", "tls", "mount")
      mkdirSync(join(folder, "pods", "tls"), { recursive: true })
      const { child, ended } = yield* start(folder)
      const kubelet = yield* served(folder)
      const publishing = yield* Effect.forkChild(Effect.exit(kubelet.publish({ volumeId, context, target })))
      yield* until(() => existsSync(target))
      child.kill("SIGTERM")
      yield* until(() => !existsSync(join(folder, "csi.sock")))
      expect(child.exitCode).toBe(null)
      child.kill("SIGTERM")
      expect((yield* ended).code).toBe(1)
      yield* Fiber.join(publishing)
    })
  )

  it.live("opens no debugger at SIGUSR1, and its core dump would hold no memory", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { child, ended } = yield* start(folder)
      const kubelet = yield* served(folder)
      child.kill("SIGUSR1")
      yield* kubelet.probe
      if (process.platform === "linux") {
        expect(readFileSync(`/proc/${child.pid}/coredump_filter`, "utf8").trim()).toBe("00000000")
      }
      child.kill("SIGTERM")
      const { code, log } = yield* ended
      expect(code).toBe(0)
      expect(log).not.toContain("Debugger listening")
    })
  )

  it.live("killed in a publish leaves a socket and a volume that the next process takes up", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { context, volumeId } = publishCall("web", { "csi.cert-manager.io/key-algorithm": "ECDSA" })
      const target = join(folder, "pods", "tls", "mount")
      mkdirSync(join(folder, "pods", "tls"), { recursive: true })
      const first = yield* start(folder)
      const kubelet = yield* served(folder)
      const publishing = yield* Effect.forkChild(Effect.exit(kubelet.publish({ volumeId, context, target })))
      yield* until(() => existsSync(target))
      first.child.kill("SIGKILL")
      yield* first.ended
      yield* Fiber.join(publishing)
      const second = yield* start(folder)
      const again = yield* served(folder)
      yield* again.unpublish({ volumeId, target })
      expect(existsSync(target)).toBe(false)
      second.child.kill("SIGTERM")
      expect((yield* second.ended).code).toBe(0)
    })
  )
})
