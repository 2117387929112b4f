/**
 * How the kubelet learns of certlet: a socket in the kubelet's folder `plugins_registry`, behind which certlet answers
 * who it is and where it serves (plugin watcher, version 1). It replaces the node-driver-registrar container.
 * The kubelet asks when the socket appears, again whenever it has been restarted, and again after a socket that
 * somebody removed stands again. When the scope closes the socket goes first, so that the kubelet makes no call
 * that nobody would answer.
 */
import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { Deferred, Effect, Layer, Option, Ref, type Scope } from "effect"
import { Health } from "../Health.ts"
import { Settings } from "../Settings.ts"
import { keepStanding } from "../socket/keepStanding.ts"
import { reply, serviceDefinition } from "./GrpcDefinitions.ts"
import { holdSocket, unusable } from "./GrpcSocket.ts"
import { Registration, type RegistrationStatus } from "./generated/pluginregistration_pb.js"
import type { KubeletError } from "./Kubelet.ts"

/** Where the socket is: one per driver, under the name that the node-driver-registrar gives it. */
const socketOf = (driverName: string, kubeletRoot: string): string =>
  join(kubeletRoot, "plugins_registry", `${driverName}-reg.sock`)

/** What is wrong with the registration; none once the kubelet has confirmed it. */
type Complaint = Ref.Ref<Option.Option<string>>

const { getInfo, notifyRegistrationStatus } = Registration.method

/** What became of the registration that the kubelet has just tried. */
const hear = ({ error, pluginRegistered }: RegistrationStatus, complaint: Complaint) =>
  pluginRegistered
    ? Effect.andThen(Ref.set(complaint, Option.none()), Effect.logInfo("the kubelet has registered this driver"))
    : Effect.andThen(
        Ref.set(complaint, Option.some(`the kubelet refuses this driver: ${error}`)),
        Effect.logError(`the kubelet refuses this driver: ${error}; it tries again by itself`)
      )

const makeFolder = (socket: string): Effect.Effect<void, KubeletError> =>
  Effect.try({
    try: () => void mkdirSync(dirname(socket), { recursive: true, mode: 0o750 }),
    catch: (cause) => unusable(socket, `${cause}; mount the kubelet's root into the container, at the same path`)
  })

/** Answers on the socket until the scope closes; answers which socket is ours. */
const offer = Effect.fnUntraced(function* (
  socket: string,
  complaint: Complaint
): Effect.fn.Return<string | undefined, KubeletError, Settings | Scope.Scope> {
  const { driverName, endpoint, kubeletRegistrationPath } = yield* Settings
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const info = {
    type: "CSIPlugin",
    name: driverName,
    endpoint: Option.getOrElse(kubeletRegistrationPath, () => endpoint),
    supportedVersions: ["1.0.0"]
  }
  const server = new grpc.Server()
  server.addService(serviceDefinition(Registration), {
    [getInfo.name]: (_: unknown, answer: grpc.sendUnaryData<unknown>) => answer(null, reply(getInfo, info)),
    [notifyRegistrationStatus.name]: (
      call: grpc.ServerUnaryCall<RegistrationStatus, unknown>,
      answer: grpc.sendUnaryData<unknown>
    ) => {
      run(hear(call.request, complaint))
      answer(null, reply(notifyRegistrationStatus, {}))
    }
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => server.forceShutdown()))
  yield* makeFolder(socket)
  return yield* holdSocket(server, socket)
})

const register = Effect.fnUntraced(function* (socket: string) {
  const complaint: Complaint = yield* Ref.make(Option.some("the kubelet has not asked for this driver yet"))
  const { add } = yield* Health
  yield* add({ name: "registration", complaint: Ref.get(complaint) })
  const first = yield* Deferred.make<void, KubeletError>()
  yield* Effect.logInfo(`registering with the kubelet at ${socket}`)
  yield* keepStanding({
    path: socket,
    serve: offer(socket, complaint),
    served: Deferred.succeed(first, undefined),
    removed: Effect.andThen(
      Ref.set(complaint, Option.some("the registration's socket was removed by somebody")),
      Effect.logWarning(`${socket} was removed by somebody; registering again`)
    ),
    // The first failure ends the process, whose settings are wrong; a later one is the node's, and passes.
    failed: (error) => Effect.andThen(Deferred.fail(first, error), Effect.logWarning(error.message))
  }).pipe(Effect.forkScoped)
  yield* Deferred.await(first)
})

/** Where a kubelet lives that was not told otherwise. */
const usualRoot = "/var/lib/kubelet"

/** Registers with the kubelet where the settings ask for it; needs that the CSI socket is served. */
export const layer: Layer.Layer<never, KubeletError, Settings> = Layer.effectDiscard(
  Effect.flatMap(Settings, ({ driverName, kubeletRegistrationPath, kubeletRootDir }) => {
    const root = Option.orElse(kubeletRootDir, () => Option.as(kubeletRegistrationPath, usualRoot))
    return Option.match(root, {
      onNone: () => Effect.void,
      onSome: (root) => register(socketOf(driverName, root))
    })
  })
)
