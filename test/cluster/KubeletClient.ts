// The kubelet's side of the CSI socket: the calls that a kubelet makes, sent the way it sends them, with grpc-js over a
// unix socket. A failed call rejects with the code's name and the sentence that would land in `kubectl describe pod`.
// Nothing is retried here; a kubelet's patience and its retries are `publishLikeKubelet` in `Certlet`.
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary
} from "@bufbuild/protobuf"
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js"
import { Identity, Node, VolumeCapability_AccessMode_Mode } from "../../src/csi/generated/csi_pb.js"
import type { PodVolume } from "./PodVolume.ts"

/** A call that was answered with another code than OK: "DEADLINE_EXCEEDED", "PERMISSION_DENIED" ... */
export class CallError extends Error {
  override readonly name = "CallError"
  readonly code: string
  /** The status message, as it came. */
  readonly sentence: string

  constructor(error: ServiceError) {
    const code = status[error.code] ?? String(error.code)
    super(`${code}: ${error.details}`, { cause: error })
    this.code = code
    this.sentence = error.details
  }
}

/** As a kubelet does (volume manager's operation timeout for CSI calls). */
const kubeletDeadlineMilliseconds = 120_000

export class KubeletClient {
  readonly #client: Client

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      // A certlet that has just started must be noticed at once: start times are measured through this client.
      "grpc.initial_reconnect_backoff_ms": 20,
      "grpc.max_reconnect_backoff_ms": 100
    })
  }

  #call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    deadlineMilliseconds: number
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (value: MessageShape<I>) => Buffer.from(toBinary(method.input, value)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        new Metadata(),
        { deadline: Date.now() + deadlineMilliseconds },
        (error, answer) => {
          if (error !== null) reject(new CallError(error))
          else if (answer === undefined) reject(new Error(`${method.name} answered nothing`))
          else resolve(answer)
        }
      )
    })
  }

  /** Identity.Probe: true where the plugin says that it is ready. */
  async probe(deadlineMilliseconds = 1_000): Promise<boolean> {
    const answer = await this.#call(Identity.method.probe, {}, deadlineMilliseconds)
    return answer.ready ?? true
  }

  /** NodePublishVolume, as for an inline volume that is read-only. */
  async publish(volume: PodVolume, deadlineMilliseconds = kubeletDeadlineMilliseconds): Promise<void> {
    const mount = { volumeMountGroup: volume.mountGroup ?? "" }
    const request = {
      volumeId: volume.id,
      targetPath: volume.target,
      readonly: true,
      volumeContext: { ...volume.context },
      secrets: { ...volume.secrets },
      volumeCapability: {
        accessType: { case: "mount" as const, value: mount },
        accessMode: { mode: VolumeCapability_AccessMode_Mode.SINGLE_NODE_WRITER }
      }
    }
    await this.#call(Node.method.nodePublishVolume, request, deadlineMilliseconds)
  }

  /** NodeUnpublishVolume. */
  async unpublish(volume: PodVolume, deadlineMilliseconds = kubeletDeadlineMilliseconds): Promise<void> {
    await this.#call(
      Node.method.nodeUnpublishVolume,
      { volumeId: volume.id, targetPath: volume.target },
      deadlineMilliseconds
    )
  }

  close(): void {
    this.#client.close()
  }
}
