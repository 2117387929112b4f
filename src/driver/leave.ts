/**
 * What certlet does where a pod has files that certlet cannot or will not replace: it leaves them as they are, answers
 * the kubelet OK, and tells the pod's owner, the operator and the kubelet. A failing publish would help nobody there:
 * the pod runs, and its containers keep what they have. Nothing is written, mounted or unmounted here.
 */
import { Effect, Option, Ref, Result } from "effect"
import type { Pod } from "../spec/Pod.ts"
import type { SpecError } from "../spec/SpecError.ts"
import { withoutSecrets } from "../spec/VolumeSecrets.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { IssuedRecord } from "../volume/VolumeRecord.ts"
import type { PublishCall } from "./DriverCalls.ts"
import { tellRefused, tellUntended } from "./tell.ts"
import { letGo } from "./unpublish.ts"
import { type Volume, Volumes } from "./Volume.ts"

/** Leaves another driver's volume where it is: the pod's containers hold that one and would never see another. */
export const leaveInherited = Effect.fnUntraced(function* (
  { context, target, volumeId }: PublishCall,
  pod: Pod,
  spec: Result.Result<VolumeSpec, SpecError>
) {
  const volumes = yield* Volumes
  yield* Effect.logInfo("another driver mounted the volume, so it is left as it is until the pod goes")
  // Nobody sees what certlet may have had there before, so nobody needs another certificate for it.
  yield* letGo(volumeId)
  const written = withoutSecrets(context)
  const left = { volumeId, target, pod, why: "Inherited", context: written, spec, issued: Option.none() } as const
  yield* volumes.leave(left)
  yield* tellUntended(left)
})

/** Leaves a volume its files although certlet refuses what its pod asks for; `held` is what its record knows. */
export const leaveRefused = Effect.fnUntraced(function* (
  { context, target, volumeId }: Pick<PublishCall, "context" | "target" | "volumeId">,
  pod: Pod,
  refusal: SpecError,
  held: Option.Option<IssuedRecord> = Option.none()
) {
  const volumes = yield* Volumes
  const known = yield* volumes.get(volumeId)
  if (Option.isSome(known)) return yield* noteRefusal(known.value, Option.some(refusal))
  const before = Option.fromUndefinedOr((yield* volumes.untended).get(volumeId))
  const issued = Option.orElse(held, () => Option.flatMap(before, ({ issued }) => issued))
  const spec = Result.fail(refusal)
  const left = { volumeId, target, pod, why: "Refused", context: withoutSecrets(context), spec, issued } as const
  yield* volumes.leave(left)
  yield* Effect.logWarning(`the volume keeps its files, but what its pod asks for is refused: ${refusal.message}`)
  yield* tellUntended(left)
})

/** Notes what of the last publish was refused while the volume keeps its files; none if nothing was. */
export const noteRefusal = Effect.fnUntraced(function* (volume: Volume, refusal: Option.Option<SpecError>) {
  yield* Ref.set(volume.refusal, refusal)
  if (Option.isNone(refusal)) return
  yield* Effect.logWarning(`the volume keeps its files, but the call is refused: ${refusal.value.message}`)
  yield* tellRefused(volume, refusal.value)
})
