/**
 * A kubelet's side of the socket: CSI calls as a kubelet makes them, for the demo and for tests. An interrupted call
 * is cancelled on the wire. It is built on the same described services as the server, and for that reason proves
 * nothing about the wire by itself: another client, written in Go, does that.
 */
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { create } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import { type DateTime, Effect, Schema } from "effect"
import { methodDefinition } from "../../csi/GrpcDefinitions.ts"
import { Identity, Node, VolumeCapability_AccessMode_Mode } from "../../csi/generated/csi_pb.js"

/** A call that was answered with a status other than OK. */
export class CallError extends Schema.TaggedError<CallError>()("CallError", {
  /** The gRPC code's name. */
  code: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.code}: ${this.detail}`
  }
}

/** A publish as a kubelet asks for it; what is left out is as for an inline volume of a plain pod. */
export interface PublishCall {
  readonly volumeId: string
  readonly target: string
  readonly context: Readonly<Record<string, string>>
  /** The entries of the Secret that `nodePublishSecretRef` names. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly readonly?: boolean
  readonly mountFlags?: ReadonlyArray<string>
  readonly volumeMountGroup?: string
  readonly deadline?: DateTime.Utc
}

const call =
  <I extends DescMessage, O extends DescMessage>(client: grpc.Client, method: DescMethodUnary<I, O>) =>
  (fields: MessageInitShape<I>, options: grpc.CallOptions = {}) =>
    Effect.callback<MessageShape<O>, CallError>((resume) => {
      const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
      const running = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(method.input, fields),
        new grpc.Metadata(),
        options,
        (error, response) => {
          if (response !== undefined) return resume(Effect.succeed(response))
          const code = grpc.status[error?.code ?? grpc.status.UNKNOWN]
          resume(Effect.fail(new CallError({ code, detail: error?.details ?? "no answer" })))
        }
      )
      return Effect.sync(() => running.cancel())
    })

const publishFields = (request: PublishCall): MessageInitShape<typeof Node.method.nodePublishVolume.input> => ({
  volumeId: request.volumeId,
  targetPath: request.target,
  readonly: request.readonly ?? true,
  volumeContext: request.context,
  secrets: request.secrets ?? {},
  volumeCapability: {
    accessMode: { mode: VolumeCapability_AccessMode_Mode.SINGLE_NODE_WRITER },
    accessType: {
      case: "mount",
      value: { mountFlags: [...(request.mountFlags ?? [])], volumeMountGroup: request.volumeMountGroup ?? "" }
    }
  }
})

const deadlineOption = ({ deadline }: PublishCall): grpc.CallOptions =>
  deadline === undefined ? {} : { deadline: deadline.epochMilliseconds }

/** A client on a socket; it connects when it is first used, and ends with the scope. */
export const connectKubelet = (socket: string) =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
          "grpc.default_authority": "localhost",
          // A driver that is about to start is looked for often: it is on this machine.
          "grpc.initial_reconnect_backoff_ms": 20,
          "grpc.max_reconnect_backoff_ms": 100
        })
    ),
    (client) => Effect.sync(() => client.close())
  ).pipe(
    Effect.map((client) => ({
      client,
      probe: Effect.asVoid(call(client, Identity.method.probe)({})),
      pluginInfo: call(client, Identity.method.getPluginInfo)({}),
      publish: (request: PublishCall) =>
        Effect.asVoid(call(client, Node.method.nodePublishVolume)(publishFields(request), deadlineOption(request))),
      unpublish: ({ target, volumeId }: { readonly volumeId: string; readonly target: string }) =>
        Effect.asVoid(call(client, Node.method.nodeUnpublishVolume)({ volumeId, targetPath: target }))
    }))
  )
