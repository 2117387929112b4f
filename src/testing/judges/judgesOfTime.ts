/**
 * The invariants about time while a cluster lives, not only when it has settled: where nothing goes wrong, nobody's
 * certificate runs out, and what was signed is used.
 */
import { DateTime, Result } from "effect"
import { isFinished } from "../../embedded/RequestRules.ts"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { hasBrought, volumeAt, volumeById, volumeOf } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { isRefusal, Troubles } from "./Troubles.ts"
import { isHeldBack } from "./wishes.ts"

/** The share of a certificate's life at its end in which nothing may have gone wrong. */
const lastShare = 0.3
/** And so long at least, in milliseconds. */
const least = 60_000

/** When the certificate of a volume runs out by its node's clock, and how long nothing may have gone wrong before. */
interface Deadline {
  readonly notAfter: number
  readonly calm: number
}

/** What was signed is in its volume after this time, in milliseconds. */
const swapLasts = 60_000

const hasOpenRequest = ({ volumeId }: SimPodVolume, { server }: World): boolean =>
  server.api.stores.requests.all().some((object) => volumeOf(object) === volumeId && !isFinished(object))

/** True where nothing keeps certlet from tending a volume, and it needs no call of the kubelet's for that. */
const isTendable = ({ pod, target, volumeId }: SimPodVolume, { nodes, pulled, settings }: World): boolean => {
  const node = nodes.get(pod.node)
  if (pulled.length > 0 || settings.useTokenRequest) return false
  if (node === undefined || !node.isServing || !node.isQuick || pod.phase === "ending") return false
  return node.records.texts.has(volumeId) && !node.records.isBegunAgain(volumeId) && node.disk.volumes.has(target)
}

const isRenewable = (volume: SimPodVolume, world: World): boolean =>
  volume.pod.phase === "running" && isTendable(volume, world)

const renewedInTime = safety(
  "renewed in time",
  "No running pod's certificate runs out while nothing goes wrong: no fault strikes or lasts, no call fails, no request is refused or open.",
  () => {
    const deadlines = new Map<string, Deadline>()
    /** When the last request of a volume was decided. */
    const decided = new Map<string, number>()
    const troubles = new Troubles()
    /** When a request was refused last. */
    let refused = 0
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what } = event
      if (isRefusal(event)) refused = at
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
      const calmSince = Math.max(troubles.disturbedUntil, refused)
      for (const [volumeId, { calm, notAfter }] of deadlines) {
        if (at <= notAfter) continue
        deadlines.delete(volumeId)
        const volume = volumeById(world, volumeId)
        if (volume === undefined || calmSince > notAfter - calm || !isRenewable(volume, world)) continue
        if (at - (decided.get(volumeId) ?? 0) > swapLasts && !hasOpenRequest(volume, world))
          return `the certificate of ${volumeText(volume)} has run out, and no other is asked for`
      }
      return undefined
    }
  }
)

/** So soon a certificate that was signed is in its volume, in milliseconds; a pause is 7.5 min at most. */
const useLasts = 600_000

const signedIsUsed = safety(
  "signed is used",
  "A certificate that was signed for a volume is in it within ten minutes, unless something goes wrong.",
  () => {
    const troubles = new Troubles()
    /** The last request of each volume, signed and not used yet. */
    const unused = new Map<string, { readonly at: number; readonly name: string; readonly uid: string }>()
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what } = event
      const requests = world.server.api.stores.requests
      if (what._tag === "RequestCreated" || what._tag === "RequestDeleted") unused.delete(volumeOf(what.object))
      if (what._tag === "RequestDecided" && what.decision === "signed") {
        const { name, uid } = what.object.metadata
        unused.set(volumeOf(what.object), { at, name, uid })
      }
      if (what._tag === "Written") {
        const volumeId = volumeAt(world, what.target)?.volumeId ?? ""
        const last = unused.get(volumeId)
        const sight = seeVolume(what.volume)
        const object = last === undefined ? undefined : requests.all().find(({ metadata }) => metadata.uid === last.uid)
        if (object !== undefined && Result.isSuccess(sight) && hasBrought(object, [sight.success.certificate.pem]))
          unused.delete(volumeId)
      }
      for (const [volumeId, last] of unused) {
        if (at - Math.max(last.at, troubles.disturbedUntil) < useLasts) continue
        const volume = volumeById(world, volumeId)
        if (volume !== undefined && isTendable(volume, world) && !isHeldBack(volume, world))
          return `request ${last.name} of ${volumeText(volume)} was signed, and its certificate is not in the volume`
        unused.delete(volumeId)
      }
      return undefined
    }
  }
)

/** Time. */
export const judgesOfTime: ReadonlyArray<Invariant> = [renewedInTime, signedIsUsed]
