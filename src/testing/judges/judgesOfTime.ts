/**
 * The invariant about time while a cluster lives, not only when it has settled: where nothing goes wrong, nobody's
 * certificate runs out.
 */
import { DateTime, Result } from "effect"
import { isFinished } from "../../embedded/RequestRules.ts"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { Event } from "../story/Happening.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { volumeAt, volumeOf } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { Troubles } from "./Troubles.ts"

/** The share of a certificate's life at its end in which nothing may have gone wrong. */
const lastShare = 0.3
/** And so long at least, in milliseconds. */
const least = 60_000

/** When the certificate of a volume runs out by its node's clock, and how long nothing may have gone wrong before. */
interface Deadline {
  readonly notAfter: number
  readonly calm: number
}

/** True for a request that nothing came of. */
const isRefusal = ({ what }: Event): boolean =>
  what._tag === "RequestDecided" && what.decision !== "approved" && what.decision !== "signed"

/** True while a clock is wrong. */
const isSkewed = ({ nodes }: World): boolean => [...nodes.values()].some(({ skew }) => skew.millis !== 0)

/** What was signed is in its volume after this time, in milliseconds. */
const swapLasts = 60_000

const hasOpenRequest = ({ volumeId }: SimPodVolume, { server }: World): boolean =>
  server.api.stores.requests.all().some((object) => volumeOf(object) === volumeId && !isFinished(object))

/** True where nothing keeps certlet from renewing a volume, and it needs no call of the kubelet's for that. */
const isRenewable = ({ pod, target, volumeId }: SimPodVolume, { nodes, pulled, settings }: World): boolean => {
  const node = nodes.get(pod.node)
  if (pulled.length > 0 || settings.useTokenRequest) return false
  if (node === undefined || !node.isServing || !node.isQuick || pod.phase !== "running") return false
  return node.records.texts.has(volumeId) && !node.records.isBegunAgain(volumeId) && node.disk.volumes.has(target)
}

const renewedInTime = safety(
  "renewed in time",
  "No running pod's certificate runs out while nothing goes wrong: no fault strikes or lasts, no call fails, no request is refused or open.",
  () => {
    const deadlines = new Map<string, Deadline>()
    /** When the last request of a volume was decided. */
    const decided = new Map<string, number>()
    const troubles = new Troubles()
    /** When a request was refused or a clock was wrong last. */
    let hindered = 0
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what } = event
      if (isRefusal(event) || isSkewed(world)) hindered = at
      if (what._tag === "RequestDecided") decided.set(volumeOf(what.object), at)
      if (what._tag === "Written") {
        const volume = volumeAt(world, what.target)
        const sight = seeVolume(what.volume)
        if (volume === undefined || Result.isFailure(sight)) return undefined
        const { notAfter, notBefore } = sight.success.certificate
        const end = DateTime.toEpochMillis(notAfter)
        const life = end - Math.max(at, DateTime.toEpochMillis(notBefore))
        deadlines.set(volume.volumeId, { notAfter: end, calm: Math.max(least, life * lastShare) })
      }
      const calmSince = Math.max(troubles.disturbedUntil, hindered)
      for (const [volumeId, { calm, notAfter }] of deadlines) {
        if (at <= notAfter) continue
        deadlines.delete(volumeId)
        const volume = world.volumes.find((one) => one.volumeId === volumeId)
        if (volume === undefined || calmSince > notAfter - calm || !isRenewable(volume, world)) continue
        if (at - (decided.get(volumeId) ?? 0) > swapLasts && !hasOpenRequest(volume, world))
          return `the certificate of ${volumeText(volume)} has run out, and no other is asked for`
      }
      return undefined
    }
  }
)

/** Time. */
export const judgesOfTime: ReadonlyArray<Invariant> = [renewedInTime]
