/**
 * From a call on the wire to a request that the driver understands. What the standard demands of a call is checked here, so
 * that a program never sees a request without a volume or a target; what certlet's own attributes demand is the spec's. Each
 * refusal names the field and what to do.
 */
import type { DateTime } from "effect"
import { Effect, Option, Record, Redacted } from "effect"
import type { PublishRequest, UnpublishRequest } from "../driver/Driver.ts"
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
    ? Effect.fail(invalid("volume_id: must not be empty; the caller has to name the volume"))
    : Effect.succeed(volumeId)

const readPath = (field: string, path: string) =>
  path === "" ? Effect.fail(invalid(`${field}: must not be empty; the caller has to say where`)) : Effect.succeed(path)

const readTarget = Effect.fnUntraced(function* (request: { readonly volumeId: string; readonly targetPath: string }) {
  return { volumeId: yield* readVolumeId(request), target: yield* readPath("target_path", request.targetPath) }
})

/** NodePublishVolume. */
export const readPublish = Effect.fnUntraced(function* (
  request: NodePublishVolumeRequest,
  deadline: Option.Option<DateTime.Utc>
): Effect.fn.Return<PublishRequest, Status> {
  const { target, volumeId } = yield* readTarget(request)
  const access = request.volumeCapability?.accessType
  if (access?.case !== "mount") {
    return yield* invalid("volume_capability: must be a mount; certlet makes files, not block devices")
  }
  const { mountFlags, volumeMountGroup } = access.value
  if (!/^\d{0,10}$/.test(volumeMountGroup)) {
    return yield* invalid(`volume_mount_group: must be a gid in decimal, but is ${JSON.stringify(volumeMountGroup)}`)
  }
  const { readonly, volumeContext } = request
  const secrets = Record.map(request.secrets, (value) => Redacted.make(value))
  return { volumeId, target, readonly, attributes: volumeContext, secrets, mountFlags, volumeMountGroup, deadline }
})

/** NodeUnpublishVolume. */
export const readUnpublish = (request: NodeUnpublishVolumeRequest): Effect.Effect<UnpublishRequest, Status> =>
  readTarget(request)

/** NodeGetVolumeStats: which volume, and where it is. */
export const readStats = Effect.fnUntraced(function* (request: NodeGetVolumeStatsRequest) {
  const volumeId = yield* readVolumeId(request)
  return { volumeId, path: Option.some(yield* readPath("volume_path", request.volumePath)) }
})

/** NodeGetVolumeHealth: which volume, and where it is, if the caller says so. */
export const readHealth = Effect.fnUntraced(function* (request: NodeGetVolumeHealthRequest) {
  const path = Option.liftPredicate(request.volumePublishPath, (path) => path !== "")
  return { volumeId: yield* readVolumeId(request), path }
})
