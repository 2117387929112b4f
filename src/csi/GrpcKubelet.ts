/**
 * The live side of `Kubelet`: a gRPC server on a unix socket, serving CSI's Identity and Node. It takes the socket only
 * from the dead, hands each call to its handler with the kubelet's deadline, and interrupts the handler when the
 * kubelet gives the call up. When its scope closes it takes no new call and lets those in flight finish within the
 * settings' bound. A handler that dies is answered with INTERNAL and nothing more: what killed it stands in the log.
 */
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import { Cause, DateTime, Deferred, Effect, Exit, FiberSet, Layer, Option } from "effect"
import { Settings } from "../Settings.ts"
import { version } from "../Version.ts"
import { reply, serviceDefinition } from "./GrpcDefinitions.ts"
import { holdSocket } from "./GrpcSocket.ts"
import { Identity, Node, NodeServiceCapability_RPC_Type } from "./generated/csi_pb.js"
import { type Calls, Kubelet } from "./Kubelet.ts"
import { readCall } from "./readCall.ts"
import { type Status, statusOfEnd, wireSentence } from "./Status.ts"
import { tellCall } from "./tellCall.ts"
import { writeAnswer } from "./writeAnswer.ts"

/** When the kubelet gives a call up; none where it never does. */
const deadlineOf = (call: grpc.ServerUnaryCall<unknown, unknown>): Option.Option<DateTime.Utc> => {
  const deadline = call.getDeadline()
  return DateTime.make(deadline).pipe(Option.map(DateTime.toUtc))
}

/** How a handler's end reads on the wire. */
const errorOf = (cause: Cause.Cause<Status>): { readonly code: grpc.status; readonly details: string } => {
  const { code, sentence } = Option.getOrElse(Cause.findErrorOption(cause), () => statusOfEnd(cause))
  return { code: grpc.status[code], details: wireSentence(sentence) }
}

type Run = (program: Effect.Effect<void>) => { readonly interrupt: () => void }

const volumeIn = (request: object): string | undefined =>
  "volumeId" in request && typeof request.volumeId === "string" ? request.volumeId : undefined

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
    const answered = Effect.flatMap(DateTime.now, (begun) =>
      handle(call.request, deadlineOf(call)).pipe(
        Effect.onExit((exit) =>
          Effect.andThen(
            Effect.sync(() =>
              Exit.isSuccess(exit) ? answer(null, reply(method, exit.value)) : answer(errorOf(exit.cause))
            ),
            tellCall({ method: method.name, volumeId: volumeIn(call.request), begun }, exit)
          )
        ),
        Effect.exit,
        Effect.asVoid
      )
    )
    const running = run(answered)
    call.on("cancelled", running.interrupt)
  }
]

const { GET_VOLUME_HEALTH, GET_VOLUME_STATS, VOLUME_CONDITION, VOLUME_MOUNT_GROUP } = NodeServiceCapability_RPC_Type

/** What certlet says that it can; a caller who does not know one of them passes it over. */
const capabilities = [VOLUME_MOUNT_GROUP, GET_VOLUME_STATS, VOLUME_CONDITION, GET_VOLUME_HEALTH].map(
  (type) => ({ type: { case: "rpc", value: { type } } }) as const
)

const implementation = (run: Run, calls: Calls, settings: Settings["Service"]) => {
  const { getPluginInfo, getPluginCapabilities, probe } = Identity.method
  const { nodeGetCapabilities, nodeGetInfo, nodeGetVolumeHealth, nodeGetVolumeStats } = Node.method
  const { nodePublishVolume, nodeUnpublishVolume } = Node.method
  return {
    identity: Object.fromEntries([
      unary(run, getPluginInfo, () => Effect.succeed({ name: settings.driverName, vendorVersion: version })),
      unary(run, getPluginCapabilities, () => Effect.succeed({})),
      unary(run, probe, () => Effect.map(calls.ready, (ready) => ({ ready })))
    ]),
    node: Object.fromEntries([
      unary(run, nodePublishVolume, (request, deadline) =>
        Effect.flatMap(readCall.publish(request, deadline), calls.publish).pipe(
          Effect.as({}),
          Effect.withSpan("csi.publish")
        )
      ),
      unary(run, nodeUnpublishVolume, (request) =>
        Effect.flatMap(readCall.unpublish(request), calls.unpublish).pipe(
          Effect.as({}),
          Effect.withSpan("csi.unpublish")
        )
      ),
      unary(run, nodeGetCapabilities, () => Effect.succeed({ capabilities })),
      unary(run, nodeGetVolumeStats, (request) =>
        Effect.flatMap(readCall.stats(request), ({ path, volumeId }) => calls.inspect(volumeId, path)).pipe(
          Effect.map(writeAnswer.stats),
          Effect.withSpan("csi.stats")
        )
      ),
      unary(run, nodeGetVolumeHealth, (request) =>
        Effect.flatMap(readCall.health(request), ({ path, volumeId }) => calls.inspect(volumeId, path)).pipe(
          Effect.map(writeAnswer.health(request.volumeId)),
          Effect.withSpan("csi.health")
        )
      ),
      unary(run, nodeGetInfo, () => Effect.succeed({ nodeId: settings.nodeId }))
    ])
  }
}

/** A client that neither calls nor goes may keep the server open no longer than this. */
const farewell = "500 millis"

/**
 * No new calls from now on; those in flight may finish within the bound, and are interrupted after it. What an
 * interrupted call cannot leave half done is awaited, because the driver ends when this does.
 */
const shutDown = Effect.fnUntraced(function* (
  server: grpc.Server,
  calls: FiberSet.FiberSet,
  settings: Settings["Service"]
) {
  const closed = yield* Deferred.make<void>()
  server.tryShutdown(() => Deferred.doneUnsafe(closed, Effect.void))
  yield* FiberSet.awaitEmpty(calls).pipe(
    Effect.timeoutOrElse({
      duration: settings.shutdownTimeout,
      orElse: () =>
        Effect.andThen(Effect.logWarning("calls were still in flight and are cut off"), FiberSet.clear(calls))
    })
  )
  yield* Deferred.await(closed).pipe(
    Effect.timeoutOrElse({ duration: farewell, orElse: () => Effect.sync(() => server.forceShutdown()) })
  )
})

/** Room for every volume of a node at once, and for more than a pod's manifest can hold. */
const limits = { "grpc.max_concurrent_streams": 1024, "grpc.max_receive_message_length": 4 * 1024 * 1024 }

/** Listens on the settings' endpoint. */
export const layer = Layer.effect(
  Kubelet,
  Effect.gen(function* () {
    const settings = yield* Settings
    // What the library has to say reaches us as errors; its own lines would tear the structured log.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE)
    return Kubelet.of({
      listen: Effect.fnUntraced(function* (calls) {
        const inFlight = yield* FiberSet.make()
        const fork = yield* FiberSet.runtime(inFlight)()
        const run: Run = (program) => {
          const fiber = fork(program)
          return { interrupt: () => fiber.interruptUnsafe() }
        }
        const { identity, node } = implementation(run, calls, settings)
        const server = new grpc.Server(limits)
        server.addService(serviceDefinition(Identity), identity)
        server.addService(serviceDefinition(Node), node)
        yield* Effect.addFinalizer(() => shutDown(server, inFlight, settings))
        yield* holdSocket(server, settings.endpoint)
        yield* Effect.logInfo(`serving ${settings.driverName} on unix://${settings.endpoint}`)
      })
    })
  })
)
