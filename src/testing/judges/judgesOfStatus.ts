/**
 * The invariant about what an operator is told: a failure that is over is not told of any more.
 */
import { Result, Schema } from "effect"
import { volumeText } from "../parts/SimPod.ts"
import { type Invariant, safety } from "./Invariants.ts"
import { volumeAt } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { isWell } from "./Troubles.ts"

const Answer = Schema.fromJsonString(
  Schema.Struct({
    status: Schema.Array(
      Schema.Struct({
        volumeId: Schema.String,
        failure: Schema.optionalKey(Schema.Struct({ at: Schema.DateTimeUtcFromString }))
      })
    )
  })
)
const decodeAnswer = Schema.decodeUnknownResult(Answer)

/** So long after its files are in place a renewal has been noted, in milliseconds. */
const conclusionLasts = 10_000

const pastIsPast = safety(
  "past is past",
  "An operator hears of no failure that came before the volume's last certificate.",
  () => {
    /** When a volume got its last certificate, and which. */
    const got = new Map<string, { readonly at: number; readonly serialNumber: string }>()
    return ({ at, what, where }, world) => {
      // Times are told by the node's clock, and one that was wrong meanwhile cannot be compared.
      const isSkewed = world.nodes.get(where)?.skew.millis !== 0
      if (what._tag === "Struck") {
        for (const { pod, volumeId } of world.volumes) if (pod.node === where) got.delete(volumeId)
      }
      if (what._tag === "Written") {
        const volume = volumeAt(world, what.target)
        const sight = seeVolume(what.volume)
        if (volume === undefined || isSkewed || Result.isFailure(sight)) return undefined
        const { serialNumber } = sight.success.certificate
        if (got.get(volume.volumeId)?.serialNumber !== serialNumber) got.set(volume.volumeId, { at, serialNumber })
      }
      if (what._tag !== "OperatorAnswered" || what.question !== "status") return undefined
      const answer = decodeAnswer(what.answer.split("\n")[0])
      if (Result.isFailure(answer)) return undefined
      const told = answer.success.status.find(({ volumeId }) => volumeId === what.volume.volumeId)
      const last = got.get(what.volume.volumeId)
      if (told?.failure === undefined || last === undefined || told.failure.at.epochMilliseconds >= last.at)
        return undefined
      if (at - last.at < conclusionLasts || !isWell(where, world)) return undefined
      return `the status of ${volumeText(what.volume)} tells of a failure before its last certificate`
    }
  }
)

/** Status. */
export const judgesOfStatus: ReadonlyArray<Invariant> = [pastIsPast]
