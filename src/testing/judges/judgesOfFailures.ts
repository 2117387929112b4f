/**
 * The invariant about failures: none comes of itself. certlet tells that an attempt has failed, and where nothing has
 * gone wrong there is nothing to tell.
 */
import { failureTold } from "./failureTold.ts"
import { type Invariant, safety } from "./Invariants.ts"
import { mountOf, volumeAt, volumeById, volumeOf } from "./judgesOfVolumes.ts"
import { isRefusal, Troubles } from "./Troubles.ts"
import { takesPasswords } from "./wishes.ts"

/** What goes wrong may show so much later, in milliseconds: whoever waits for something waits so long at the most. */
const aftermath = 300_000

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
      const told = failureTold(event)
      if (told === undefined) return undefined
      const volume = volumeById(world, told.volumeId)
      if (volume === undefined || takesPasswords(volume)) return undefined
      const isTakenAway = mounted.has(volume.target) && mountOf(volume, world) === undefined
      if (isTakenAway || refused.has(volume.volumeId)) return undefined
      if (at - troubles.disturbedUntil < aftermath) return undefined
      return `nothing has gone wrong, and ${told.outcome}: ${told.why}`
    }
  }
)

/** Failures. */
export const judgesOfFailures: ReadonlyArray<Invariant> = [noFalseAlarm]
