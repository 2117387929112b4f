/**
 * The door to the kubelet: the calls of the Container Storage Interface (CSI 1.13, services Identity and Node) that a
 * kubelet makes, in our own words. `GrpcKubelet` listens for them on a unix socket, the simulated kubelet makes them by
 * itself. A call's answer is either its result or a `Status`, which is what crosses the wire; an interrupted call is a
 * call that the kubelet no longer waits for.
 */
import { Context, type Effect, type Option, Schema, type Scope } from "effect"
import type { PublishCall, UnpublishCall } from "../driver/DriverCalls.ts"
import type { VolumeReport } from "../driver/VolumeStatus.ts"
import type { Status } from "./Status.ts"

/** What certlet answers. */
export interface Calls {
  readonly publish: (request: PublishCall) => Effect.Effect<void, Status>
  readonly unpublish: (request: UnpublishCall) => Effect.Effect<void, Status>
  /** How a volume is: NodeGetVolumeStats and NodeGetVolumeHealth. */
  readonly inspect: (volumeId: string, path: Option.Option<string>) => Effect.Effect<VolumeReport, Status>
  /** True once the driver can serve: what Identity's Probe says. */
  readonly ready: Effect.Effect<boolean>
}

/** The kubelet could not be reached: the socket cannot be had. */
export class KubeletError extends Schema.TaggedError<KubeletError>()("KubeletError", {
  reason: Schema.Literals(["InUse", "Unusable"]),
  endpoint: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `endpoint ${this.endpoint}: ${this.detail}`
  }
}

/**
 * The kubelet of this node.
 *
 * Laws: after `listen` a call reaches its handler; a call that the kubelet cancels, or whose deadline passes,
 * interrupts its handler; when the scope closes no new call is taken, and those in flight may finish within the
 * settings' bound.
 */
export class Kubelet extends Context.Service<
  Kubelet,
  {
    readonly listen: (calls: Calls) => Effect.Effect<void, KubeletError, Scope.Scope>
  }
>()("certlet/csi/Kubelet") {}
