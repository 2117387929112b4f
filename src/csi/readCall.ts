/**
 * From a message on the wire to a call that the driver understands. What the standard demands of a message is checked
 * here, so that a program never sees a call without a volume or a target. What certlet's own attributes demand is
 * checked in `spec/`. Each refusal names the field and says what to do.
 */
import { type DateTime, Effect, Option, Record, Redacted } from "effect"
import type { PublishCall, UnpublishCall } from "../driver/DriverCalls.ts"
import type {
  NodeGetVolumeHealthRequest,
  NodeGetVolumeStatsRequest,
  NodePublishVolumeRequest,
  NodeUnpublishVolumeRequest
} from "./generated/csi_pb.js"
import { Status } from "./Status.ts"

const invalid = (sentence: string) => new Status({ code: "INVALID_ARGUMENT", sentence })

const readVolumeId = ({ volumeId }: { readonly volumeId: string }) =>
  volumeId === ""
    ? Effect.fail(invalid("volume_id: must not be empty; the caller must name the volume"))
    : Effect.succeed(volumeId)

const readPath = (field: string, path: string) =>
  path === ""
    ? Effect.fail(invalid(`${field}: must not be empty; the caller must name the path`))
    : Effect.succeed(path)

const readTarget = Effect.fnUntraced(function* (message: { readonly volumeId: string; readonly targetPath: string }) {
  return { volumeId: yield* readVolumeId(message), target: yield* readPath("target_path", message.targetPath) }
})

const readPublish = Effect.fnUntraced(function* (
  message: NodePublishVolumeRequest,
  deadline: Option.Option<DateTime.Utc>
): Effect.fn.Return<PublishCall, Status> {
  const { target, volumeId } = yield* readTarget(message)
  const access = message.volumeCapability?.accessType
  if (access?.case !== "mount") {
    return yield* invalid("volume_capability: must be a mount; certlet serves files, not block devices")
  }
  const { mountFlags, volumeMountGroup } = access.value
  // The greatest number of 32 bits means "leave the group as it is" (chown), and is no group.
  if (!/^\d{0,10}$/.test(volumeMountGroup) || Number(volumeMountGroup) > 4_294_967_294) {
    return yield* invalid(
      `volume_mount_group: must be a gid of at most 4294967294, but is ${JSON.stringify(volumeMountGroup)}; ` +
        "correct fsGroup in the pod's securityContext"
    )
  }
  const { readonly, volumeContext: context } = message
  const secrets = Record.map(message.secrets, (value) => Redacted.make(value))
  return { volumeId, target, readonly, context, secrets, mountFlags, volumeMountGroup, deadline }
})

const readUnpublish = (message: NodeUnpublishVolumeRequest): Effect.Effect<UnpublishCall, Status> => readTarget(message)

const readStats = Effect.fnUntraced(function* (message: NodeGetVolumeStatsRequest) {
  const volumeId = yield* readVolumeId(message)
  return { volumeId, path: Option.some(yield* readPath("volume_path", message.volumePath)) }
})

const readHealth = Effect.fnUntraced(function* (message: NodeGetVolumeHealthRequest) {
  const path = Option.liftPredicate(message.volumePublishPath, (path) => path !== "")
  return { volumeId: yield* readVolumeId(message), path }
})

/** Reads NodePublishVolume, NodeUnpublishVolume, NodeGetVolumeStats and NodeGetVolumeHealth. */
export const readCall = {
  publish: readPublish,
  unpublish: readUnpublish,
  stats: readStats,
  health: readHealth
} as const
