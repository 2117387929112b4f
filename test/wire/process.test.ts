/**
 * The process as its supervisor sees it: it serves although the API server is away, one process owns the socket, and
 * SIGTERM ends it with code 0 while the volumes stay.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { flagsIn, kubeletIn, startCertlet, writeKubeconfigOfNobody } from "../kit/certlet.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { publishCall } from "../kit/SimulatedNode.ts"
import { eventually } from "../kit/until.ts"

const start = (folder: string) =>
  Effect.suspend(() => {
    writeKubeconfigOfNobody(folder)
    return startCertlet(flagsIn(folder))
  })

const appears = (path: string) =>
  eventually(
    `${path} to appear`,
    Effect.sync(() => existsSync(path))
  )

describe("the process", () => {
  it.live("owns its socket alone, and ends on SIGTERM with code 0", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const first = yield* start(folder)
      const kubelet = yield* kubeletIn(folder)
      const second = yield* start(folder)
      expect(yield* second.ended).toBe(1)
      expect(second.log()).toContain("already served by another process")
      yield* kubelet.probe
      first.child.kill("SIGTERM")
      expect(yield* first.ended).toBe(0)
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
      const kubelet = yield* kubeletIn(folder)
      const publishing = yield* Effect.forkChild(Effect.exit(kubelet.publish({ volumeId, context, target })))
      yield* appears(target)
      child.kill("SIGTERM")
      yield* eventually(
        "the socket to go",
        Effect.sync(() => !existsSync(join(folder, "csi.sock")))
      )
      expect(child.exitCode).toBe(null)
      child.kill("SIGTERM")
      expect(yield* ended).toBe(1)
      yield* Fiber.join(publishing)
    })
  )

  it.live("opens no debugger at SIGUSR1, and its core dump would hold no memory", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { child, ended, log } = yield* start(folder)
      const kubelet = yield* kubeletIn(folder)
      child.kill("SIGUSR1")
      yield* kubelet.probe
      if (process.platform === "linux") {
        expect(readFileSync(`/proc/${child.pid}/coredump_filter`, "utf8").trim()).toBe("00000000")
      }
      child.kill("SIGTERM")
      expect(yield* ended).toBe(0)
      expect(log()).not.toContain("Debugger listening")
    })
  )

  it.live("killed in a publish leaves a socket and a volume that the next process takes up", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { context, volumeId } = publishCall("web", { "csi.cert-manager.io/key-algorithm": "ECDSA" })
      const target = join(folder, "pods", "tls", "mount")
      mkdirSync(join(folder, "pods", "tls"), { recursive: true })
      const first = yield* start(folder)
      const kubelet = yield* kubeletIn(folder)
      const publishing = yield* Effect.forkChild(Effect.exit(kubelet.publish({ volumeId, context, target })))
      yield* appears(target)
      first.child.kill("SIGKILL")
      yield* first.ended
      yield* Fiber.join(publishing)
      const second = yield* start(folder)
      const again = yield* kubeletIn(folder)
      yield* again.unpublish({ volumeId, target })
      expect(existsSync(target)).toBe(false)
      second.child.kill("SIGTERM")
      expect(yield* second.ended).toBe(0)
    })
  )
})
