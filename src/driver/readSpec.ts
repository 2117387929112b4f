/**
 * What a publish asks for, and whether that is what its volume asked for before. A kubelet says the same again every
 * minute: a spec is decoded once, and again only where the context has changed.
 */
import { Effect, Option, Ref } from "effect"
import { Settings } from "../Settings.ts"
import { SpecError } from "../spec/SpecError.ts"
import { strayKeys, type VolumeContext } from "../spec/VolumeContext.ts"
import { withoutSecrets } from "../spec/VolumeSecrets.ts"
import { decodeVolumeSpec } from "../spec/VolumeSpec.ts"
import type { VolumeRecord } from "../volume/VolumeRecord.ts"
import type { PublishCall } from "./DriverCalls.ts"
import { sameWish, type Volume, Volumes } from "./Volume.ts"

/** What the pod asks for. */
export const readSpec = Effect.fnUntraced(function* (call: PublishCall, known: Option.Option<Volume>) {
  if (!call.readonly) {
    return yield* new SpecError({
      field: "readOnly",
      rule: "must be true, because only certlet writes the volume's files; set readOnly: true in the pod's csi volume"
    })
  }
  return Option.isSome(known) ? known.value.spec : yield* decodeSpec(call.context)
})

/** Keys without a meaning are logged, as they may be typing errors. */
const decodeSpec = Effect.fnUntraced(function* (context: VolumeContext) {
  const stray = strayKeys(context)
  if (stray.length > 0) yield* Effect.logDebug(`attributes without a meaning: ${stray.join(", ")}`)
  return yield* decodeVolumeSpec(context, yield* Settings)
})

/** The record of a volume that is claimed by a call. */
export const recordOf = ({ context, mountFlags, target, volumeId, volumeMountGroup }: PublishCall): VolumeRecord => ({
  version: 1,
  volumeId,
  target,
  context: withoutSecrets(context),
  mountFlags,
  volumeMountGroup,
  issued: Option.none(),
  pending: Option.none()
})

/** The volume that is known by this id and asks for the same. */
export const knownWith = Effect.fnUntraced(function* (record: VolumeRecord) {
  const volumes = yield* Volumes
  const known = yield* volumes.get(record.volumeId)
  return Option.isSome(known) && sameWish(yield* Ref.get(known.value.record), record) ? known : Option.none()
})
