/**
 * The invariant about failures: none comes of itself. certlet tells that an attempt has failed, and where nothing has
 * gone wrong there is nothing to tell.
 */
import { Option, Result, Schema } from "effect"
import type { SimPodVolume } from "../parts/SimPod.ts"
import type { Event } from "../story/Happening.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { mountOf, volumeAt, volumeOf } from "./judgesOfVolumes.ts"
import { isRefusal, Troubles } from "./Troubles.ts"
import { takesPasswords } from "./wishes.ts"

/** What goes wrong may show so much later, in milliseconds: whoever waits for something waits so long at the most. */
const aftermath = 300_000

const decodeAnnotations = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ volumeId: Schema.String })))

/** The volume whose attempt has failed, by certlet's log; undefined where an event tells of no failure. */
const failedIn = ({ what }: Event, { volumes }: World): SimPodVolume | undefined => {
  if (what._tag !== "Logged" || !what.message.includes("next try in")) return undefined
  const told = Option.getOrUndefined(Result.getSuccess(decodeAnnotations(what.annotations)))
  return volumes.find(({ volumeId }) => volumeId === told?.volumeId)
}

const noFalseAlarm = safety(
  "no false alarm",
  "An attempt fails only where its request was refused, its mount was taken away, something has gone wrong in the last five minutes, a clock was wrong, or a password has to come with a publish.",
  () => {
    const troubles = new Troubles()
    /** The volumes that were refused a certificate since their last one. */
    const refused = new Set<string>()
    /** What certlet has mounted and not unmounted: only a publish mounts it again where somebody has taken it away. */
    const mounted = new Set<string>()
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what } = event
      if (what._tag === "RequestDecided" && isRefusal(event)) refused.add(volumeOf(what.object))
      if (what._tag === "Written") refused.delete(volumeAt(world, what.target)?.volumeId ?? "")
      if (what._tag === "Mounted") mounted.add(what.target)
      if (what._tag === "Unmounted") mounted.delete(what.target)
      const volume = failedIn(event, world)
      if (what._tag !== "Logged" || volume === undefined || takesPasswords(volume)) return undefined
      const isTakenAway = mounted.has(volume.target) && mountOf(volume, world) === undefined
      if (isTakenAway || refused.has(volume.volumeId)) return undefined
      if (at - troubles.disturbedUntil < aftermath) return undefined
      return `nothing has gone wrong, and ${what.message}`
    }
  }
)

/** Failures. */
export const judgesOfFailures: ReadonlyArray<Invariant> = [noFalseAlarm]
