import { existsSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { inspect } from "node:util"
import { create, type DescMessage, type DescMethodUnary, toBinary } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { DateTime, Duration, Effect, Exit, Fiber, Logger, Option, Redacted, References, Scope } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { methodDefinition } from "../../src/csi/GrpcDefinitions.ts"
import { Identity, Node, NodeServiceCapability_RPC_Type } from "../../src/csi/generated/csi_pb.js"
import { PublishError } from "../../src/driver/DriverError.ts"
import { IssuanceError } from "../../src/issuance/IssuanceError.ts"
import { version } from "../../src/Version.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { leaveStale, makeGate, makeRecorder, serveOn } from "./RecordingDriver.ts"

const target = "/pods/uid/volumes/kubernetes.io~csi/tls/mount"
const volume = { volumeId: "csi-1", target, context: { "csi.storage.k8s.io/ephemeral": "true" } }

/** A call by its path, as a client would make it that knows more methods than we serve. */
const rawCall = (client: grpc.Client, path: string, body = Buffer.alloc(0)) =>
  Effect.callback<number>((resume) => {
    const bytes = (_: Buffer) => _
    client.makeUnaryRequest(path, bytes, bytes, body, (error) => resume(Effect.succeed(error?.code ?? grpc.status.OK)))
  })

const isFree = (socket: string) => !existsSync(socket)

describe("the socket", () => {
  it.live("carries identity and node information, to root alone", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      const { client, pluginInfo, probe } = yield* connectKubelet(socket)
      yield* probe
      expect(yield* pluginInfo).toMatchObject({ name: "csi.cert-manager.io", vendorVersion: version })
      const { nodeGetCapabilities, nodeGetInfo } = Node.method
      const ask = <I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>) =>
        Effect.callback<unknown>((resume) => {
          const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, create(method.input), (_, response) =>
            resume(Effect.succeed(response))
          )
        })
      expect(yield* ask(nodeGetInfo)).toMatchObject({ nodeId: "node-1" })
      expect(yield* ask(Identity.method.getPluginCapabilities)).toMatchObject({ capabilities: [] })
      const { GET_VOLUME_HEALTH, GET_VOLUME_STATS, VOLUME_CONDITION, VOLUME_MOUNT_GROUP } =
        NodeServiceCapability_RPC_Type
      const types = [VOLUME_MOUNT_GROUP, GET_VOLUME_STATS, VOLUME_CONDITION, GET_VOLUME_HEALTH]
      const capabilities = types.map((type) => ({ type: { case: "rpc", value: { type } } }))
      expect(yield* ask(nodeGetCapabilities)).toMatchObject({ capabilities })
      expect(statSync(socket).mode & 0o777).toBe(0o600)
    })
  )

  it.live("carries a Secret's entries, which nothing prints", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ cause, message }) => lines.push(JSON.stringify([message, cause])))
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver, next } = yield* makeRecorder(() => Effect.die(new Error("a defect")))
      yield* Effect.gen(function* () {
        yield* serveOn(socket, driver)
        const kubelet = yield* connectKubelet(socket)
        const failure = yield* Effect.flip(
          kubelet.publish({ ...volume, secrets: { password: "hush", other: "hush 2" } })
        )
        const event = yield* next
        if (event._tag !== "publish") return expect.unreachable()
        const { secrets = {} } = event.request
        expect(Object.values(secrets).map((secret) => Redacted.value(secret))).toEqual(["hush", "hush 2"])
        expect(Object.keys(secrets)).toEqual(["password", "other"])
        for (const shown of [
          JSON.stringify(event),
          String(event.request),
          inspect(event, { depth: 9 }),
          failure.message
        ]) {
          expect(shown).not.toContain("hush")
        }
      }).pipe(Effect.provide(Logger.layer([logger])), Effect.provideService(References.MinimumLogLevel, "All"))
      expect(lines.length).toBeGreaterThan(0)
      expect(lines.join("\n")).not.toContain("hush")
    })
  )

  it.live("carries a publish whole, with the kubelet's deadline, and an unpublish", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver, next } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      const kubelet = yield* connectKubelet(socket)
      const deadline = DateTime.addDuration(yield* DateTime.now, Duration.minutes(2))
      yield* kubelet.publish({ ...volume, mountFlags: ["context=x"], volumeMountGroup: "2000", deadline })
      const event = yield* next
      expect(event).toMatchObject({
        _tag: "publish",
        request: { ...volume, readonly: true, mountFlags: ["context=x"], volumeMountGroup: "2000" }
      })
      if (event._tag !== "publish") return expect.unreachable()
      const seen = Option.getOrThrow(event.request.deadline)
      expect(Math.abs(Duration.toMillis(DateTime.distance(seen, deadline)))).toBeLessThan(5000)
      yield* kubelet.unpublish(volume)
      expect(yield* next).toEqual({ _tag: "unpublish", request: { volumeId: "csi-1", target } })
    })
  )

  it.live("answers with code and sentence", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const reason = new IssuanceError({ reason: "Denied", request: "apps/r", detail: "not today" })
      const { driver } = yield* makeRecorder(() => new PublishError({ volumeId: "csi-1", pod: "apps/web", reason }))
      yield* serveOn(socket, driver)
      const error = yield* Effect.flip((yield* connectKubelet(socket)).publish(volume))
      expect(error.code).toBe("PERMISSION_DENIED")
      expect(error.detail).toMatch(/^pod apps\/web: CertificateRequest apps\/r: not today; /)
    })
  )

  it.live.each([
    { field: "volume_id", call: { ...volume, volumeId: "" } },
    { field: "target_path", call: { ...volume, target: "" } },
    { field: "volume_mount_group", call: { ...volume, volumeMountGroup: "staff" } },
    { field: "volume_mount_group", call: { ...volume, volumeMountGroup: "4294967295" } }
  ])("refuses a publish without a proper $field", ({ call, field }) =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      const error = yield* Effect.flip((yield* connectKubelet(socket)).publish(call))
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" })
      expect(error.detail).toMatch(new RegExp(`^${field}: `))
    })
  )

  it.live.each([
    { kind: "a block device", volumeCapability: { accessType: { case: "block", value: {} } } },
    { kind: "a capability of neither kind", volumeCapability: {} },
    { kind: "a volume without a capability" }
  ] as const)("refuses to publish $kind", ({ kind: _, ...capability }) =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      const { client } = yield* connectKubelet(socket)
      const { input } = Node.method.nodePublishVolume
      const body = toBinary(input, create(input, { volumeId: "csi-1", targetPath: target, ...capability }))
      const code = yield* rawCall(client, "/csi.v1.Node/NodePublishVolume", Buffer.from(body))
      expect(code).toBe(grpc.status.INVALID_ARGUMENT)
    })
  )

  it.live.each([
    { field: "volume_id", call: { volumeId: "", target } },
    { field: "target_path", call: { volumeId: "csi-1", target: "" } }
  ])("refuses an unpublish without a $field", ({ call, field }) =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      const error = yield* Effect.flip((yield* connectKubelet(socket)).unpublish(call))
      expect(error).toMatchObject({
        code: "INVALID_ARGUMENT",
        detail: expect.stringMatching(new RegExp(`^${field}: `))
      })
    })
  )

  it.live("answers UNIMPLEMENTED to what is not served, INTERNAL to what dies, and goes on", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.die(new Error("a secret")))
      yield* serveOn(socket, driver)
      const { client, probe, publish } = yield* connectKubelet(socket)
      const served = ["NodePublishVolume", "NodeUnpublishVolume", "NodeGetCapabilities", "NodeGetInfo"]
      const asked = ["NodeGetVolumeStats", "NodeGetVolumeHealth"]
      const unserved = Node.methods.map(({ name }) => name).filter((name) => ![...served, ...asked].includes(name))
      expect(unserved).toHaveLength(4)
      for (const name of [...unserved, "NoSuchCall"]) {
        expect(yield* rawCall(client, `/csi.v1.Node/${name}`)).toBe(grpc.status.UNIMPLEMENTED)
      }
      expect(yield* rawCall(client, "/csi.v1.Controller/CreateVolume")).toBe(grpc.status.UNIMPLEMENTED)
      const error = yield* Effect.flip(publish(volume))
      expect(error.code).toBe("INTERNAL")
      expect(error.detail).not.toContain("secret")
      const garbage = Buffer.from([0xff, 0xff, 0xff])
      expect(yield* rawCall(client, "/csi.v1.Node/NodePublishVolume", garbage)).not.toBe(grpc.status.OK)
      yield* probe
    })
  )

  it.live("survives bytes that are no HTTP/2", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      yield* Effect.callback<void>((resume) => {
        const stranger = connect(socket, () => stranger.end("GET / HTTP/1.0\r\n\r\n\0\0\0"))
        stranger.on("error", () => undefined)
        stranger.on("close", () => resume(Effect.void))
        stranger.resume()
      })
      yield* (yield* connectKubelet(socket)).probe
    })
  )

  it.live("interrupts the fiber of a call that is cancelled, or whose deadline passes", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver, next } = yield* makeRecorder(() => Effect.never)
      yield* serveOn(socket, driver)
      const kubelet = yield* connectKubelet(socket)
      const cancelled = yield* Effect.forkChild(kubelet.publish(volume))
      expect((yield* next)._tag).toBe("publish")
      yield* Fiber.interrupt(cancelled)
      expect(yield* next).toEqual({ _tag: "interrupted", volumeId: "csi-1" })
      const deadline = DateTime.addDuration(yield* DateTime.now, Duration.millis(300))
      const error = yield* Effect.flip(kubelet.publish({ ...volume, volumeId: "csi-2", deadline }))
      expect(error.code).toBe("DEADLINE_EXCEEDED")
      expect((yield* next)._tag).toBe("publish")
      expect(yield* next).toEqual({ _tag: "interrupted", volumeId: "csi-2" })
    })
  )

  it.live("serves many calls at once", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const gate = yield* makeGate
      const { driver, next } = yield* makeRecorder(() => gate.wait)
      yield* serveOn(socket, driver)
      const kubelet = yield* connectKubelet(socket)
      const calls = Array.from({ length: 100 }, (_, i) => kubelet.publish({ ...volume, volumeId: `csi-${i}` }))
      const all = yield* Effect.forkChild(Effect.all(calls, { concurrency: 100, discard: true }))
      for (const _ of calls) yield* next
      yield* gate.open
      yield* Fiber.join(all)
    })
  )
})

describe("taking the socket", () => {
  it.live("replaces what a dead process left", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      yield* leaveStale(socket)
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      yield* (yield* connectKubelet(socket)).probe
    })
  )

  it.live("leaves a living process its own", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver } = yield* makeRecorder(() => Effect.void)
      yield* serveOn(socket, driver)
      const error = yield* Effect.flip(serveOn(socket, driver))
      expect(error).toMatchObject({ reason: "InUse" })
      expect(error.message).toContain("already served by another process")
      yield* (yield* connectKubelet(socket)).probe
    })
  )

  it.live("touches nothing that is no socket, and says where a folder is missing", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { driver } = yield* makeRecorder(() => Effect.void)
      writeFileSync(join(folder, "file"), "precious")
      const file = yield* Effect.flip(serveOn(join(folder, "file"), driver))
      expect(file.message).toContain("not a socket")
      expect(statSync(join(folder, "file")).size).toBe(8)
      const nowhere = yield* Effect.flip(serveOn(join(folder, "no", "csi.sock"), driver))
      expect(nowhere).toMatchObject({ reason: "Unusable" })
      expect(nowhere.message).toContain(`its folder ${join(folder, "no")} does not exist`)
    })
  )
})

describe("the end", () => {
  it.live("lets a call in flight finish, takes no new one, and leaves no socket", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const gate = yield* makeGate
      const { driver, next } = yield* makeRecorder(() => gate.wait)
      const scope = yield* Scope.make()
      yield* Scope.provide(serveOn(socket, driver), scope)
      const kubelet = yield* connectKubelet(socket)
      const publishing = yield* Effect.forkChild(kubelet.publish(volume))
      yield* next
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const late = yield* Effect.exit((yield* connectKubelet(socket)).publish({ ...volume, volumeId: "late" }))
      expect(Exit.isFailure(late)).toBe(true)
      yield* gate.open
      yield* Fiber.join(publishing)
      yield* Fiber.join(closing)
      expect(isFree(socket)).toBe(true)
    })
  )

  it.live("gives a call up that exceeds the bound", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "csi.sock")
      const { driver, next } = yield* makeRecorder(() => Effect.never)
      const scope = yield* Scope.make()
      yield* Scope.provide(serveOn(socket, driver, "200 millis"), scope)
      const publishing = yield* Effect.forkChild(Effect.flip((yield* connectKubelet(socket)).publish(volume)))
      yield* next
      yield* Scope.close(scope, Exit.void)
      expect(["CANCELLED", "UNAVAILABLE"]).toContain((yield* Fiber.join(publishing)).code)
      expect(yield* next).toEqual({ _tag: "interrupted", volumeId: "csi-1" })
    })
  )
})
