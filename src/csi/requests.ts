/**
 * From a call on the wire to a request that the driver understands. What the standard demands of a call is checked here, so
 * that a program never sees a request without a volume or a target; what certlet's own attributes demand is the spec's. Each
 * refusal names the field and what to do.
 */
import type { DateTime, Option } from "effect"
import { Effect, Record, Redacted } from "effect"
import type { PublishRequest, UnpublishRequest } from "../driver/Driver.ts"
import type { NodePublishVolumeRequest, NodeUnpublishVolumeRequest } from "./generated/csi_pb.js"
import { Status } from "./Status.ts"

const invalid = (sentence: string) => new Status({ code: "INVALID_ARGUMENT", sentence })

const readTarget = Effect.fnUntraced(function* (request: { readonly volumeId: string; readonly targetPath: string }) {
  if (request.volumeId === "") return yield* invalid("volume_id: must not be empty; the caller has to name the volume")
  if (request.targetPath === "") return yield* invalid("target_path: must not be empty; the caller has to say where")
  return { volumeId: request.volumeId, target: request.targetPath }
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
