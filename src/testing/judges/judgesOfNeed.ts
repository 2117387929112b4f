/**
 * The invariants about need: a volume asks for one certificate at a time, for a place where it can go, and uses what it
 * has asked for.
 */
import * as crypto from "node:crypto"
import { Result } from "effect"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { isFinished } from "../../embedded/RequestRules.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { Event } from "../story/Happening.ts"
import { type Invariant, type Judge, safety, type World } from "./Invariants.ts"
import { askerOf, certificateIn, hasBrought, isFilled, strangersAt, volumeOf } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { Troubles } from "./Troubles.ts"
import { isFollowing } from "./wishes.ts"

/** The requests since which no call of their nodes has failed: whoever made one could say that it is to go. */
class ToldRequests {
  readonly #troubles = new Troubles()
  readonly #askedAt = new Map<string, number>()

  readonly hear = (event: Event, world: World): void => {
    this.#troubles.hear(event, world)
    if (event.what._tag === "RequestCreated") this.#askedAt.set(event.what.object.metadata.uid, event.at)
  }

  readonly has = ({ metadata }: StoredObject, node: string): boolean =>
    !this.#troubles.hasFailed(node, this.#askedAt.get(metadata.uid) ?? 0)
}

/** What a volume that asks for a certificate has at the API server besides. */
interface Asking {
  readonly volume: SimPodVolume
  readonly object: StoredObject
  readonly others: ReadonlyArray<StoredObject>
  readonly isTold: (other: StoredObject) => boolean
}

/** Judges each request when it is made, by what is there of its volume already. */
const whenAsked = (wrong: (asking: Asking, world: World) => string | undefined) => (): Judge => {
  const told = new ToldRequests()
  return (event, world) => {
    told.hear(event, world)
    if (event.what._tag !== "RequestCreated") return undefined
    const { object } = event.what
    const volume = askerOf(object, world)
    if (volume === undefined) return undefined
    const others = world.server.api.stores.requests
      .all()
      .filter((other) => other.metadata.uid !== object.metadata.uid && volumeOf(other) === volume.volumeId)
    return wrong({ volume, object, others, isTold: (other) => told.has(other, volume.pod.node) }, world)
  }
}

const oneAtATime = safety(
  "one at a time",
  "A volume asks for no certificate while another request of its own is open, unless its record was lost, the names that it asks for have changed, or the API server could not be told.",
  whenAsked(({ isTold, object, others, volume }, { nodes }) => {
    if (isFollowing(volume) || nodes.get(volume.pod.node)?.records.isBegunAgain(volume.volumeId) === true)
      return undefined
    const other = others.find((other) => !isFinished(other))
    if (other === undefined || !isTold(other)) return undefined
    return `${volumeText(volume)} asks with ${object.metadata.name}, and ${other.metadata.name} is open`
  })
)

/** So many requests may be left of a volume when it makes another one: the one that it serves, and one that failed. */
const leftOver = 2

const tidy = safety(
  "tidy",
  "Whatever fails, a volume that asks for a certificate has left two requests at the API server at the most, unless its node's calls fail.",
  whenAsked(({ isTold, others, volume }) => {
    const left = others.filter(isTold)
    return left.length > leftOver ? `${volumeText(volume)} has left ${left.length} requests behind` : undefined
  })
)

/** True where the clock of a request's node is wrong, so that its certificate may look as if it had expired. */
const isAskedBySkewed = (object: StoredObject, world: World): boolean =>
  world.nodes.get(askerOf(object, world)?.pod.node ?? "")?.skew.millis !== 0

const nothingInVain = safety(
  "nothing in vain",
  "certlet deletes a request of a living pod's volume only when it was refused, when its certificate has been in the volume, or has expired, unless the volume's record was lost.",
  () => {
    const shown = new Set<string>()
    const sound = new Set<string>()
    // The requests of a record that was lost or removed, also those that come late: nobody knows of them any more.
    const forgotten = new Set<string>()
    return ({ at, what, where }, world) => {
      const isLost = what._tag === "RecordSaved" && world.nodes.get(where)?.records.isBegunAgain(what.volumeId) === true
      if (what._tag === "RecordRemoved" || isLost) {
        for (const object of world.server.api.stores.requests.all())
          if (volumeOf(object) === what.volumeId) forgotten.add(object.metadata.uid)
      }
      if (what._tag === "RequestCreated") {
        const asker = askerOf(what.object, world)
        const text = world.nodes.get(asker?.pod.node ?? "")?.records.texts.get(asker?.volumeId ?? "") ?? ""
        if (!text.includes(what.object.metadata.name)) forgotten.add(what.object.metadata.uid)
      }
      if (what._tag === "Written") {
        const sight = seeVolume(what.volume)
        if (Result.isSuccess(sight)) shown.add(sight.success.certificate.pem)
      }
      if (what._tag === "RequestDecided" && what.decision === "signed" && !isAskedBySkewed(what.object, world)) {
        sound.add(what.object.metadata.uid)
      }
      if (what._tag !== "RequestDeleted" || what.by === undefined) return undefined
      const { object } = what
      const volume = askerOf(object, world)
      const node = volume === undefined ? undefined : world.nodes.get(volume.pod.node)
      if (volume === undefined || node === undefined || volume.pod.phase === "ending") return undefined
      if (!node.records.texts.has(volume.volumeId) || node.records.isBegunAgain(volume.volumeId)) return undefined
      if (forgotten.has(object.metadata.uid)) return undefined
      const request = namespacedName(object.metadata)
      if (!isFinished(object)) return `request ${request} of ${volumeText(volume)} is deleted while it is open`
      const certificate = certificateIn(object)
      if (certificate === undefined || !sound.has(object.metadata.uid)) return undefined
      const isOver = new crypto.X509Certificate(certificate).validToDate.getTime() <= at + node.skew.millis
      return isOver || hasBrought(object, shown)
        ? undefined
        : `request ${request} of ${volumeText(volume)} is deleted, and its certificate was never used`
    }
  }
)

/** A call that its kubelet has given up may go on for a while, in milliseconds. */
const callLasts = 300_000

const somewhereToPut = safety(
  "somewhere to put it",
  "A certificate is asked for only where its volume is mounted, or a publish is just mounting it, and never for a target that is somebody else's.",
  () => {
    /** Until when the last call may go on, and whether what stood at its target was a stranger's. */
    const called = new Map<string, { readonly until: number; readonly isForeign: boolean }>()
    const answered = new Set<string>()
    const mounted = new Set<string>()
    return ({ at, what, where }, world) => {
      const isForeign = (volume: SimPodVolume) => world.pulled.includes(strangersAt(volume))
      if (what._tag === "PublishCalled") {
        // A call whose disk hangs may go on for any time.
        const until = world.nodes.get(where)?.isQuick === true ? at + callLasts : Number.POSITIVE_INFINITY
        called.set(what.volume.volumeId, { until, isForeign: isForeign(what.volume) })
        answered.delete(what.volume.volumeId)
      }
      if (what._tag === "PublishAnswered") answered.add(what.volume.volumeId)
      if (what._tag === "Mounted") mounted.add(what.target)
      // A process that starts looks at what is mounted; one that runs hears of a stranger's deed with the next publish.
      if (what._tag === "ProcessStarted") {
        const disk = world.nodes.get(where)?.disk
        for (const { pod, target, volumeId } of world.volumes) {
          if (pod.node !== where) continue
          if (disk?.volumes.has(target) !== true) mounted.delete(target)
          // What its kubelet had given up goes on no longer.
          if (answered.has(volumeId)) called.delete(volumeId)
        }
      }
      if (what._tag !== "RequestCreated") return undefined
      const volume = askerOf(what.object, world)
      const last = volume === undefined ? undefined : called.get(volume.volumeId)
      if (volume === undefined || isFilled(volume, world)) return undefined
      if (last?.isForeign === true && isForeign(volume) && !mounted.has(volume.target)) {
        return `a certificate for ${volumeText(volume)} is asked for, and what stands at its target is a stranger's`
      }
      const isMounting = last !== undefined && at < last.until
      return mounted.has(volume.target) || isMounting
        ? undefined
        : `a certificate for ${volumeText(volume)} is asked for, and there is no mount`
    }
  }
)

/** Need. */
export const judgesOfNeed: ReadonlyArray<Invariant> = [oneAtATime, tidy, somewhereToPut, nothingInVain]
