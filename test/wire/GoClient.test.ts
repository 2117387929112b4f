/**
 * The wire as a real kubelet uses it: a client on grpc-go, with the standard's own Go types, drives the socket. It is
 * built where Go is present, into a cache outside the repository, and left out with a word where Go is not.
 */

import { execFile, execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { beforeAll, expect, it } from "@effect/vitest"
import { Deferred, Effect, Option } from "effect"
import type { Driver } from "../../src/driver/Driver.ts"
import { PublishError, UnknownVolume } from "../../src/driver/DriverError.ts"
import { IssuanceError } from "../../src/issuance/IssuanceError.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { describeWhere } from "../kit/needs.ts"
import { type Event, makeRecorder, serveOn } from "./RecordingDriver.ts"

const sources = join(import.meta.dirname, "go")

const goIsPresent = (() => {
  try {
    return /go1\.(2[5-9]|[3-9]\d)/.test(execFileSync("go", ["version"], { encoding: "utf8", timeout: 20_000 }))
  } catch {
    return false
  }
})()

/** Builds the client once for these sources; two builds at once end in the same file. */
const buildClient = () => {
  const hash = createHash("sha256")
  for (const name of readdirSync(sources).sort()) hash.update(readFileSync(join(sources, name)))
  const home = process.env.CERTLET_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "certlet")
  const folder = join(home, "wire-client")
  const client = join(folder, hash.digest("hex").slice(0, 16))
  if (existsSync(client)) return client
  mkdirSync(folder, { recursive: true })
  const fresh = `${client}.${process.pid}`
  execFileSync("go", ["build", "-trimpath", "-o", fresh, "."], { cwd: sources, timeout: 170_000, stdio: "pipe" })
  renameSync(fresh, client)
  return client
}

const run = (client: string, socket: string) =>
  Effect.callback<ReadonlyArray<unknown>, Error>((resume) => {
    const child = execFile(client, [socket], { timeout: 100_000 }, (error, stdout) => {
      if (error !== null) return resume(Effect.fail(error))
      resume(
        Effect.succeed(
          stdout
            .trim()
            .split("\n")
            .map((line): unknown => JSON.parse(line))
        )
      )
    })
    return Effect.sync(() => child.kill())
  })

const denied = new IssuanceError({ reason: "Denied", request: "apps/r", detail: "not today" })

const late = {
  severity: "degraded",
  reason: "CertificateNearExpiry",
  sentence: "the certificate ends soon"
} as const

const amount = (total: number, used: number) => ({ total, used, available: total - used })

const inspect: Driver["Service"]["inspect"] = (volumeId) =>
  volumeId === "csi-late"
    ? Effect.succeed({
        usage: Option.some({ bytes: amount(4_194_304, 12_288), inodes: amount(1024, 9) }),
        complaints: [late]
      })
    : Effect.fail(new UnknownVolume({ volumeId }))

describeWhere(goIsPresent, "needs Go 1.25 or newer")("a client on grpc-go", () => {
  let client = ""
  beforeAll(() => {
    client = buildClient()
  }, 180_000)

  it.live("is understood, and understands", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const cancelled = yield* Deferred.make<void>()
      const { driver, next } = yield* makeRecorder(({ volumeId }) => {
        if (volumeId === "csi-denied") {
          return Effect.fail(new PublishError({ volumeId, pod: "apps/web", reason: denied }))
        }
        if (volumeId === "csi-beside") return Deferred.await(cancelled)
        if (volumeId === "csi-cancelled") return Effect.andThen(Deferred.succeed(cancelled, undefined), Effect.never)
        return volumeId === "csi-waits" ? Effect.never : Effect.void
      }, inspect)
      yield* serveOn(socket, driver)
      const answers = yield* run(client, socket)
      const sentence = "pod apps/web: CertificateRequest apps/r: not today; "
      expect(answers).toMatchObject([
        { call: "GetPluginInfo", code: "OK", value: "csi.cert-manager.io" },
        { call: "GetPluginCapabilities", code: "OK", value: 0 },
        { call: "Probe", code: "OK", value: true },
        { call: "NodeGetInfo", code: "OK", value: "node-1" },
        {
          call: "NodeGetCapabilities",
          code: "OK",
          value: ["VOLUME_MOUNT_GROUP", "GET_VOLUME_STATS", "4", "GET_VOLUME_HEALTH"]
        },
        { call: "NodeStageVolume", code: "Unimplemented" },
        {
          call: "stats of csi-late",
          code: "OK",
          value: { BYTES: [4_194_304, 12_288, 4_182_016], INODES: [1024, 9, 1015], abnormal: true }
        },
        {
          call: "health of csi-late",
          code: "OK",
          value: ["csi-late", "DEGRADED", "CertificateNearExpiry", late.sentence]
        },
        { call: "stats nowhere", code: "InvalidArgument", message: expect.stringContaining("volume_path") },
        { call: "stats of csi-unknown", code: "NotFound", message: expect.stringContaining("no such volume") },
        { call: "health of csi-unknown", code: "NotFound" },
        { call: "stats nowhere", code: "InvalidArgument" },
        { call: "publish", code: "OK" },
        { call: "publish denied", code: "PermissionDenied", message: expect.stringContaining(sentence) },
        { call: "publish past its deadline", code: "DeadlineExceeded" },
        { call: "publish beside", code: "OK" },
        { call: "publish cancelled", code: "Canceled" },
        { call: "unpublish", code: "OK" },
        { call: "unpublish nowhere", code: "InvalidArgument", message: expect.stringContaining("target_path") }
      ])
      const events: Array<Event> = []
      while (!events.some((event) => event._tag === "unpublish")) events.push(yield* next)
      const interrupted = events.flatMap((event) => (event._tag === "interrupted" ? [event.volumeId] : []))
      expect(interrupted.sort()).toEqual(["csi-cancelled", "csi-waits"])
      const [first] = events
      if (first?._tag !== "publish") return expect.unreachable()
      expect(Option.isSome(first.request.deadline)).toBe(true)
      expect(first.request).toMatchObject({
        volumeId: "csi-ok",
        volumeMountGroup: "2000",
        mountFlags: ['context="system_u:object_r:container_file_t:s0:c1,c2"'],
        context: { "csi.cert-manager.io/dns-names": "müller.example" }
      })
    })
  )
})
