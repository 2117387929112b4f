/**
 * A publish has failed, and its answer has to say whether anything of the volume is left on the node. A kubelet that
 * hears of a failure for good forgets the volume and never unpublishes it, so such an answer is given only where
 * nothing is left: no volume that is tended, no mount, no record. A record that nobody needs any more goes here. Where
 * something is left, or where nobody can tell, the answer says so, and the kubelet calls again: for the next publish,
 * or for the unpublish when the pod goes.
 */
import { Effect, Option } from "effect"
import { asFailure } from "../Defect.ts"
import { podIn } from "../spec/VolumeContext.ts"
import { type VolumeCondition, VolumeFS } from "../volume/VolumeFS.ts"
import { VolumeRecords } from "../volume/VolumeRecord.ts"
import type { PublishCall } from "./DriverCalls.ts"
import { PublishError } from "./DriverError.ts"
import { Volumes } from "./Volume.ts"

/** What is certlet's own at a target. */
const own: ReadonlyArray<VolumeCondition> = ["empty", "filled", "damaged"]

const kept = "certlet keeps the volume and goes on with it at the kubelet's next call"
const hidden = "what stands there may hide a volume of certlet's, so certlet looks again at the kubelet's next call"

/** Ends a failed publish with the error that says what is left. */
export const failPublish = Effect.fnUntraced(function* (call: PublishCall, reason: PublishError["reason"]) {
  const volumes = yield* Volumes
  const left = yield* volumes.locked(call.volumeId)(Effect.uninterruptible(whatIsLeft(call)))
  return yield* new PublishError({ volumeId: call.volumeId, pod: podIn(call.context), reason, left })
})

/** Why the kubelet has to call again, as a clause; none where nothing is left. */
const whatIsLeft = Effect.fnUntraced(
  function* ({ target, volumeId }: PublishCall) {
    const fs = yield* VolumeFS
    const records = yield* VolumeRecords
    const volumes = yield* Volumes
    if (Option.isSome(yield* volumes.get(volumeId)) || (yield* volumes.untended).has(volumeId)) return Option.some(kept)
    // At a path that may not be touched there is nothing of certlet's.
    const found = yield* fs.inspect(target).pipe(
      Effect.catchIf(
        ({ reason }) => reason === "Hostile",
        () => Effect.succeed("absent" as const)
      )
    )
    if (own.includes(found)) return Option.some(kept)
    if (found === "foreign") return Option.some(hidden)
    yield* records.remove(volumeId)
    return Option.none<string>()
  },
  asFailure("a defect kept certlet from seeing what is left of a volume"),
  Effect.catch((error) =>
    Effect.succeed(
      Option.some(`what certlet has made may be left (${error.message}) and is cleared at the kubelet's next call`)
    )
  )
)
