/**
 * The registration as a kubelet finds it: a socket in `plugins_registry` behind which certlet says who it is. The calls
 * are those of the kubelet's plugin watcher; that a real kubelet is content is proven by the cluster tier.
 */
import { existsSync, mkdirSync, readdirSync, statSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { create } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { Effect, Exit, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { methodDefinition } from "../../src/csi/GrpcDefinitions.ts"
import * as GrpcRegistration from "../../src/csi/GrpcRegistration.ts"
import { Registration } from "../../src/csi/generated/pluginregistration_pb.js"
import * as Health from "../../src/Health.ts"
import { Settings } from "../../src/Settings.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { settings } from "../kit/settings.ts"
import { eventually } from "../kit/until.ts"
import { leaveStale } from "./RecordingDriver.ts"

const { getInfo, notifyRegistrationStatus } = Registration.method

const call = <I extends DescMessage, O extends DescMessage>(
  socket: string,
  method: DescMethodUnary<I, O>,
  fields: MessageInitShape<I>
) =>
  Effect.callback<MessageShape<O>, string>((resume) => {
    const client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure())
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
    const request = create(method.input, fields)
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      client.close()
      resume(answer === undefined ? Effect.fail(error?.details ?? "no answer") : Effect.succeed(answer))
    })
  })

/** Registers below a folder, with a board of health, until the scope closes. */
const register = (root: string, more: Partial<Settings["Service"]> = {}) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Health.layer)
    const changed = { ...settings, kubeletRootDir: Option.some(root), ...more }
    yield* Layer.build(GrpcRegistration.layer).pipe(
      Effect.provideService(Settings, changed),
      Effect.provideContext(context)
    )
    const { look } = yield* Health.Health.pipe(Effect.provideContext(context))
    return { socket: join(root, "plugins_registry", "csi.cert-manager.io-reg.sock"), look }
  })

const complaints = (look: Health.HealthBoard["look"]) =>
  Effect.map(look, (answers) => answers.flatMap(({ complaint }) => Option.toArray(complaint)))

describe("the registration", () => {
  it.live("says who certlet is and where it serves, to root alone", () =>
    Effect.gen(function* () {
      const { socket } = yield* register(yield* temporaryFolder)
      expect(yield* call(socket, getInfo, {})).toMatchObject({
        type: "CSIPlugin",
        name: "csi.cert-manager.io",
        endpoint: "/csi/csi.sock",
        supportedVersions: ["1.0.0"]
      })
      expect(statSync(socket).mode & 0o777).toBe(0o600)
    }).pipe(Effect.scoped)
  )

  it.live("names the endpoint as the kubelet sees it, where that differs", () =>
    Effect.gen(function* () {
      const seen = "/var/lib/k0s/kubelet/plugins/csi.sock"
      const { socket } = yield* register(yield* temporaryFolder, { kubeletRegistrationPath: Option.some(seen) })
      expect((yield* call(socket, getInfo, {})).endpoint).toBe(seen)
    }).pipe(Effect.scoped)
  )

  it.live("is well once the kubelet has confirmed it, and repeats what the kubelet dislikes", () =>
    Effect.gen(function* () {
      const { look, socket } = yield* register(yield* temporaryFolder)
      expect(yield* complaints(look)).toEqual(["the kubelet has not asked for this driver yet"])
      yield* call(socket, notifyRegistrationStatus, { pluginRegistered: false, error: "no such version" })
      expect(yield* complaints(look)).toEqual(["the kubelet refuses this driver: no such version"])
      yield* call(socket, notifyRegistrationStatus, { pluginRegistered: true })
      expect(yield* complaints(look)).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live("takes the place of what a killed process left, and leaves nothing itself", () =>
    Effect.gen(function* () {
      const root = yield* temporaryFolder
      mkdirSync(join(root, "plugins_registry"))
      yield* leaveStale(join(root, "plugins_registry", "csi.cert-manager.io-reg.sock"))
      const scope = yield* Scope.make()
      const { socket } = yield* register(root).pipe(Effect.provideService(Scope.Scope, scope))
      yield* call(socket, getInfo, {})
      yield* Scope.close(scope, Exit.void)
      expect(readdirSync(join(root, "plugins_registry"))).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live("does not drive a living registrar away", () =>
    Effect.gen(function* () {
      const root = yield* temporaryFolder
      const { socket } = yield* register(root)
      const error = yield* Effect.flip(register(root))
      expect(error.message).toContain("already served by another process")
      yield* call(socket, getInfo, {})
    }).pipe(Effect.scoped)
  )

  it.live("says what to do where the kubelet's root cannot be written to", () =>
    Effect.gen(function* () {
      const root = yield* temporaryFolder
      writeFileSync(join(root, "plugins_registry"), "")
      const error = yield* Effect.flip(register(root))
      expect(error.message).toContain("mount the kubelet's root into the container")
    }).pipe(Effect.scoped)
  )

  it.effect("is made again when somebody has removed it, and is unhealthy until the kubelet has seen it", () =>
    Effect.gen(function* () {
      const { look, socket } = yield* register(yield* temporaryFolder)
      yield* call(socket, notifyRegistrationStatus, { pluginRegistered: true })
      unlinkSync(socket)
      yield* TestClock.adjust("10 seconds")
      yield* eventually(
        "the socket",
        Effect.sync(() => existsSync(socket))
      )
      yield* call(socket, getInfo, {})
      expect(yield* complaints(look)).toEqual(["the registration's socket was removed by somebody"])
      yield* call(socket, notifyRegistrationStatus, { pluginRegistered: true })
      expect(yield* complaints(look)).toEqual([])
    }).pipe(Effect.scoped)
  )
})
