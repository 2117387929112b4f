/**
 * The live side of `Kubelet`: a gRPC server on a unix socket, serving CSI's Identity and Node. It takes the socket only from
 * the dead, hands each call to its handler with the kubelet's deadline, and interrupts the handler when the kubelet gives the
 * call up. When its scope closes it takes no new call and lets those in flight finish within the settings' bound. A handler
 * that dies is answered with INTERNAL and nothing more: what killed it stands in the log.
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs"
import { connect } from "node:net"
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import { Cause, DateTime, Effect, Exit, Layer, Option } from "effect"
import { Settings } from "../Settings.ts"
import { version } from "../Version.ts"
import { reply, serviceDefinition } from "./GrpcDefinitions.ts"
import { Identity, Node, NodeServiceCapability_RPC_Type } from "./generated/csi_pb.js"
import { type Calls, Kubelet, KubeletError } from "./Kubelet.ts"
import { readPublish, readUnpublish } from "./requests.ts"
import type { Status } from "./Status.ts"

/** When the kubelet gives a call up; none where it never does. */
const deadlineOf = (call: grpc.ServerUnaryCall<unknown, unknown>): Option.Option<DateTime.Utc> => {
  const deadline = call.getDeadline()
  return DateTime.make(deadline).pipe(Option.map(DateTime.toUtc))
}

const refusal = (code: grpc.status, details: string) => ({ code, details })

/** How a handler's end reads on the wire. */
const errorOf = (cause: Cause.Cause<Status>): { readonly code: grpc.status; readonly details: string } => {
  const status = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (status !== undefined) return refusal(grpc.status[status.code], status.sentence)
  if (Cause.hasInterrupts(cause)) return refusal(grpc.status.CANCELLED, "the call was given up")
  return refusal(grpc.status.INTERNAL, "certlet has a defect here; its log on this node says more, please report it")
}

type Run = (program: Effect.Effect<void>) => { readonly interrupt: () => void }

/** One method: its name, and a handler that runs an effect and follows the call's cancellation. */
const unary = <I extends DescMessage, O extends DescMessage>(
  run: Run,
  method: DescMethodUnary<I, O>,
  handle: (
    request: MessageShape<I>,
    deadline: Option.Option<DateTime.Utc>
  ) => Effect.Effect<MessageInitShape<O>, Status>
): readonly [string, grpc.UntypedHandleCall] => [
  method.name,
  (call: grpc.ServerUnaryCall<MessageShape<I>, MessageShape<O>>, answer: grpc.sendUnaryData<MessageShape<O>>) => {
    const answered = handle(call.request, deadlineOf(call)).pipe(
      Effect.tapCause((cause) =>
        Cause.hasDies(cause)
          ? Effect.logError(`${method.name} died`, cause)
          : Effect.logDebug(`${method.name} failed`, cause)
      ),
      Effect.onExit((exit) =>
        Effect.sync(() =>
          Exit.isSuccess(exit) ? answer(null, reply(method, exit.value)) : answer(errorOf(exit.cause))
        )
      ),
      Effect.exit,
      Effect.asVoid
    )
    const running = run(answered)
    call.on("cancelled", running.interrupt)
  }
]

const implementation = (run: Run, calls: Calls, settings: Settings["Service"]) => {
  const { getPluginInfo, getPluginCapabilities, probe } = Identity.method
  const { nodePublishVolume, nodeUnpublishVolume, nodeGetCapabilities, nodeGetInfo } = Node.method
  const mountGroup = {
    type: { case: "rpc", value: { type: NodeServiceCapability_RPC_Type.VOLUME_MOUNT_GROUP } }
  } as const
  return {
    identity: Object.fromEntries([
      unary(run, getPluginInfo, () => Effect.succeed({ name: settings.driverName, vendorVersion: version })),
      unary(run, getPluginCapabilities, () => Effect.succeed({})),
      unary(run, probe, () => Effect.map(calls.ready, (ready) => ({ ready })))
    ]),
    node: Object.fromEntries([
      unary(run, nodePublishVolume, (request, deadline) =>
        Effect.flatMap(readPublish(request, deadline), calls.publish).pipe(
          Effect.as({}),
          Effect.withSpan("csi.publish")
        )
      ),
      unary(run, nodeUnpublishVolume, (request) =>
        Effect.flatMap(readUnpublish(request), calls.unpublish).pipe(Effect.as({}), Effect.withSpan("csi.unpublish"))
      ),
      unary(run, nodeGetCapabilities, () => Effect.succeed({ capabilities: [mountGroup] })),
      unary(run, nodeGetInfo, () => Effect.succeed({ nodeId: settings.nodeId }))
    ])
  }
}

const unusable = (endpoint: string, detail: string) => new KubeletError({ reason: "Unusable", endpoint, detail })

/** True where a process answers on the socket. */
const isAlive = (endpoint: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect(endpoint)
    const settle = (alive: boolean) => {
      socket.destroy()
      resume(Effect.succeed(alive))
    }
    socket.once("connect", () => settle(true))
    socket.once("error", () => settle(false))
    return Effect.sync(() => socket.destroy())
  })

/** Makes room for our socket: what a dead process left is removed, what a living one owns is not. */
const claimEndpoint = Effect.fnUntraced(function* (endpoint: string) {
  const found = yield* Effect.try({
    try: () => lstatSync(endpoint, { throwIfNoEntry: false }),
    catch: (cause) => unusable(endpoint, String(cause))
  })
  if (found === undefined) return
  if (!found.isSocket()) {
    return yield* unusable(endpoint, "what stands there is not a socket; remove it or choose another --endpoint")
  }
  if (yield* isAlive(endpoint)) {
    const detail = "is already served by another process; run one certlet per node"
    return yield* new KubeletError({ reason: "InUse", endpoint, detail })
  }
  yield* Effect.try({ try: () => unlinkSync(endpoint), catch: (cause) => unusable(endpoint, String(cause)) })
})

const bind = (server: grpc.Server, endpoint: string): Effect.Effect<void, KubeletError> =>
  Effect.callback((resume) => {
    server.bindAsync(`unix:${endpoint}`, grpc.ServerCredentials.createInsecure(), (error) => {
      if (error !== null) return resume(Effect.fail(unusable(endpoint, `${error.message}; does its folder exist?`)))
      // Whoever may write to the socket may ask for certificates in any pod's name.
      chmodSync(endpoint, 0o600)
      resume(Effect.void)
    })
  })

/** No new calls from now on; those in flight may finish within the bound, and are interrupted after it. */
const shutDown = (server: grpc.Server, settings: Settings["Service"]): Effect.Effect<void> =>
  Effect.callback<void>((resume) => server.tryShutdown(() => resume(Effect.void))).pipe(
    Effect.timeoutOrElse({
      duration: settings.shutdownTimeout,
      orElse: () =>
        Effect.andThen(
          Effect.logWarning("calls were still in flight and are given up"),
          Effect.sync(() => server.forceShutdown())
        )
    })
  )

/** Listens on the settings' endpoint. */
export const layer = Layer.effect(
  Kubelet,
  Effect.gen(function* () {
    const settings = yield* Settings
    // What the library has to say reaches us as errors; its own lines would tear the structured log.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE)
    return Kubelet.of({
      listen: Effect.fnUntraced(function* (calls) {
        const fork = Effect.runForkWith(yield* Effect.context<never>())
        const run: Run = (program) => {
          const fiber = fork(program)
          return { interrupt: () => fiber.interruptUnsafe() }
        }
        const { identity, node } = implementation(run, calls, settings)
        const server = new grpc.Server()
        server.addService(serviceDefinition(Identity), identity)
        server.addService(serviceDefinition(Node), node)
        yield* claimEndpoint(settings.endpoint)
        yield* Effect.acquireRelease(bind(server, settings.endpoint), () => shutDown(server, settings))
        yield* Effect.logInfo(`serving ${settings.driverName} on unix://${settings.endpoint}`)
      })
    })
  })
)
