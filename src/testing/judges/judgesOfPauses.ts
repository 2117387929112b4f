/**
 * The invariants about the pauses after failures: they have bounds, they leave a server alone that asks for it, what
 * fails together does not come back together, and whoever cuts one short does not begin with the short ones again.
 */
import { volumeText } from "../parts/SimPod.ts"
import type { Event } from "../story/Happening.ts"
import { failureTold, notRotated, type ToldFailure } from "./failureTold.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { isFilled, mountOf, volumeAt, volumeById, volumeOf } from "./judgesOfVolumes.ts"
import { isSkewed, isWell } from "./Troubles.ts"

const nameOf = (volumeId: string, world: World): string => {
  const volume = volumeById(world, volumeId)
  return volume === undefined ? volumeId : volumeText(volume)
}

/** A failed attempt; rotations do not count. */
const attemptTold = (event: Event): ToldFailure | undefined => {
  const told = failureTold(event)
  return told?.outcome === notRotated ? undefined : told
}

/** What is seen of each volume again and again: how often the same in a row. */
class Row<A> {
  readonly #last = new Map<string, { readonly what: A; readonly times: number }>()

  /** How often this has been seen now. */
  readonly see = (volumeId: string, what: A): number => {
    const last = this.#last.get(volumeId)
    const times = last?.what === what ? last.times + 1 : 1
    this.#last.set(volumeId, { what, times })
    return times
  }

  readonly forget = (volumeId: string): void => void this.#last.delete(volumeId)

  readonly forgetAll = (): void => this.#last.clear()
}

/** How long the server has asked to be left alone, by the calls of a node that have failed, in seconds. */
class AskedTimes {
  readonly #asked = new Map<string, number | "several">()

  readonly hear = ({ what, where }: Event): void => {
    if (what._tag !== "CallFailed") return
    const call = `${where} ${what.action}`
    this.#asked.set(call, this.#asked.has(call) ? "several" : what.retryAfterMillis / 1000)
  }

  /** What the call has been told that made an attempt fail; undefined where none did, or another one may have. */
  readonly take = (node: string, why: string): number | undefined => {
    const call = `${node} ${why.split(": ", 1)[0]}`
    const asked = this.#asked.get(call)
    this.#asked.delete(call)
    return asked === "several" ? undefined : asked
  }
}

/** The longest pauses, in seconds. */
const longest = { withoutAnswer: 23, withoutCertificate: 450, withCertificate: 5400 } as const
/** The shortest pause where trying soon is of no use, in seconds. */
const shortestSettled = 15

/** True where a volume could not be written to because it is not mounted: only its kubelet's next call mounts it. */
const isUnmounted = ({ volumeId, why }: ToldFailure, world: World): boolean => {
  const volume = volumeById(world, volumeId)
  return volume !== undefined && why.startsWith("write ") && mountOf(volume, world) === undefined
}

/** The least that a failed attempt pauses, in seconds, where the server asks for nothing. */
const leastOf = (told: ToldFailure, node: string, world: World): number =>
  told.temper !== "transient" || (isUnmounted(told, world) && isWell(node, world)) ? shortestSettled : 0

/** The least and the most that a failed attempt may pause, in seconds. */
const boundsOf = (
  { outcome, temper }: ToldFailure,
  least: number,
  asked: number | undefined
): readonly [number, number] => {
  if (outcome === "not renewed") return [least, longest.withCertificate]
  if (asked === undefined || temper !== "transient") return [least, longest.withoutCertificate]
  return [asked, Math.max(longest.withoutAnswer, Math.ceil(asked))]
}

const pausesBounded = safety(
  "pauses bounded",
  "After a call without a useful answer a pod without a certificate is tried again within 23 seconds, after other failures within 7.5 minutes, and a pod with one within an hour and a half; where the server asks for more time, not before that; where trying soon is of no use, not within 15 seconds.",
  () => {
    const calls = new AskedTimes()
    return (event, world) => {
      calls.hear(event)
      const told = attemptTold(event)
      if (told === undefined) return undefined
      const least = leastOf(told, event.where, world)
      const [shortest, most] = boundsOf(told, least, calls.take(event.where, told.why))
      return told.pause < shortest || told.pause > most
        ? `${nameOf(told.volumeId, world)} is tried again after ${told.pause} s, and not after ${shortest} to ${most} s`
        : undefined
    }
  }
)

/** So many pauses in a row are never alike. */
const alike = 8
/** Shorter ones have too few lengths to tell, in whole seconds. */
const tellable = 5

const pausesApart = safety(
  "pauses apart",
  "Pauses are drawn, so that what fails together does not come back together: eight pauses of a volume in a row are never alike.",
  () => {
    const pauses = new Row<number>()
    return (event, world) => {
      const told = attemptTold(event)
      if (told === undefined || told.pause <= tellable) return undefined
      const { pause, volumeId } = told
      const times = pauses.see(volumeId, pause)
      return times < alike ? undefined : `${nameOf(volumeId, world)} has paused ${times} times for ${pause} s`
    }
  }
)

/** The volumes that get a new process or a new set of files with an event, or that something has struck. */
const renewedBy = ({ what, where }: Event, world: World): ReadonlyArray<string> => {
  if (what._tag === "Written") return [volumeAt(world, what.target)?.volumeId ?? ""]
  if (what._tag !== "ProcessStarted" && what._tag !== "Struck") return []
  return world.volumes.filter(({ pod }) => pod.node === where).map(({ volumeId }) => volumeId)
}

/** True where a failed publish has left no record of its volume. */
const isGivenUp = (volumeId: string, { nodes }: World): boolean =>
  [...nodes.values()].every(({ records }) => !records.texts.has(volumeId))

/** The volumes that begin again with an event: those, and those that went. */
const begunAgainBy = (event: Event, world: World): ReadonlyArray<string> => {
  const { what } = event
  if (what._tag === "RecordRemoved") return [what.volumeId]
  if (what._tag === "UnpublishCalled" || what._tag === "UnpublishAnswered") return [what.volume.volumeId]
  if (what._tag !== "PublishAnswered") return renewedBy(event, world)
  return isGivenUp(what.volume.volumeId, world) ? [what.volume.volumeId] : []
}

const failuresCounted = safety(
  "failures counted",
  "The failures of a volume are counted on until it gets files, also where a publish cuts a pause short, unless its process or its record goes.",
  () => {
    const last = new Map<string, number>()
    return (event, world) => {
      for (const volumeId of begunAgainBy(event, world)) last.delete(volumeId)
      const told = attemptTold(event)
      if (told === undefined) return undefined
      const before = last.get(told.volumeId) ?? 0
      last.set(told.volumeId, told.failures)
      return told.failures > before
        ? undefined
        : `failure ${told.failures} of ${nameOf(told.volumeId, world)} follows failure ${before}`
    }
  }
)

/** A sentence without what is different each time: names, numbers and times. */
const gist = (why: string): string => why.replace(/CertificateRequest \S+:/, "").replace(/[0-9a-f]{4,}|\d+/g, "")

/** So long a volume waits after the second useless answer at least, in seconds. */
const shortestHold = 15

/** Volumes that were given useless answers: how often the same one in a row, and when the next is due. */
class UselessAnswers {
  readonly #gists = new Row<string>()
  readonly #held = new Map<string, number>()

  /** A volume is told what is wrong with an answer. */
  readonly tell = ({ pause, volumeId, why }: ToldFailure, at: number): void => {
    const repeats = this.#gists.see(volumeId, gist(why)) > 1
    if (repeats) this.#held.set(volumeId, at + Math.max(pause, shortestHold) * 1000)
    else this.#held.delete(volumeId)
  }

  /** Until when a volume waits, in milliseconds since 1970; undefined where it may ask. */
  readonly heldUntil = (volumeId: string): number | undefined => this.#held.get(volumeId)

  readonly forget = (volumeId: string): void => {
    this.#gists.forget(volumeId)
    this.#held.delete(volumeId)
  }

  readonly forgetAll = (): void => {
    this.#gists.forgetAll()
    this.#held.clear()
  }
}

const uselessAnswersHeld = safety(
  "useless answers held",
  "Once an issuer has given a volume the same useless answer twice, the volume asks again when certlet has said that it will, and after 15 seconds at the earliest: no publish cuts that short.",
  () => {
    const signed = new Set<string>()
    const useless = new UselessAnswers()
    return (event, world) => {
      const { at, what } = event
      for (const volumeId of renewedBy(event, world)) useless.forget(volumeId)
      if (isSkewed(world)) useless.forgetAll()
      if (what._tag === "OperatorAsked" || what._tag === "UnpublishCalled") useless.forget(what.volume.volumeId)
      if (what._tag === "RequestDecided" && what.decision.startsWith("signed")) signed.add(volumeOf(what.object))
      if (what._tag === "RequestCreated") {
        const volumeId = volumeOf(what.object)
        const until = useless.heldUntil(volumeId) ?? at
        signed.delete(volumeId)
        return at < until - 2000
          ? `${nameOf(volumeId, world)} asks ${Math.round((until - at) / 1000)} s before it is time`
          : undefined
      }
      const told = attemptTold(event)
      if (told === undefined) return undefined
      if (signed.delete(told.volumeId)) useless.tell(told, at)
      else useless.forget(told.volumeId)
      return undefined
    }
  }
)

/** A try shows by then, in milliseconds after it was announced for. */
const tryLasts = 60_000

const rotationsTriedAgain = safety(
  "rotations tried again",
  "A rotation that failed is tried again when certlet has said that it will be, unless something strikes its node meanwhile.",
  () => {
    const due = new Map<string, number>()
    return (event, world) => {
      const { at } = event
      for (const volumeId of begunAgainBy(event, world)) due.delete(volumeId)
      const told = failureTold(event)
      if (told?.outcome === notRotated) due.set(told.volumeId, at + told.pause * 1000 + tryLasts)
      for (const [volumeId, until] of due) {
        if (at <= until) continue
        due.delete(volumeId)
        const volume = volumeById(world, volumeId)
        const node = world.nodes.get(volume?.pod.node ?? "")
        // One without files takes the bundle with its first certificate.
        if (volume !== undefined && isFilled(volume, world) && node?.isServing === true && node.isQuick)
          return `${volumeText(volume)} was to get its new trust bundle long ago`
      }
      return undefined
    }
  }
)

/** So often certlet says the same at one instant at the most. */
const mostAtOnce = 100

const timePasses = safety(
  "time passes",
  "certlet turns in no circle: it does not say the same a hundred times at one instant.",
  () => {
    let instant = 0
    const said = new Map<string, number>()
    return ({ at, what, where }) => {
      if (what._tag !== "Logged") return undefined
      if (at !== instant) said.clear()
      instant = at
      const line = `${where} ${what.annotations} ${what.message}`
      const times = (said.get(line) ?? 0) + 1
      said.set(line, times)
      return times < mostAtOnce ? undefined : `${where} has said ${times} times at one instant: ${what.message}`
    }
  }
)

/** Pauses. */
export const judgesOfPauses: ReadonlyArray<Invariant> = [
  timePasses,
  pausesBounded,
  pausesApart,
  failuresCounted,
  uselessAnswersHeld,
  rotationsTriedAgain
]
