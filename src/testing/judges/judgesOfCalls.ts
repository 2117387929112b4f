/**
 * The invariants about the kubelet's calls: each is answered before its kubelet gives up, a pod goes whatever the API
 * server does, and a denial is told when it is known. A node that is in trouble of its own may take longer.
 */
import { Duration, Result } from "effect"
import { volumeText } from "../parts/SimPod.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { askerOf, volumeAt } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { isWell, Troubles } from "./Troubles.ts"

/** How long a kubelet waits for an answer, in milliseconds. */
const kubeletPatience = 120_000
/** How long a volume takes to go where nothing is wrong with its node, in milliseconds. */
const unpublishLasts = 5_000
/** How long a denial takes to its pod's owner besides the way of the news, in milliseconds. */
const newsLasts = 20_000

const answeredInTime = safety(
  "answered in time",
  "A publish is answered before its kubelet gives up, and an unpublish within 5 seconds, whatever the API server does, unless something is wrong on the node.",
  () => {
    const troubles = new Troubles()
    const called = new Map<string, number>()
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what, where } = event
      if (what._tag === "PublishCalled" || what._tag === "UnpublishCalled") {
        called.delete(what.volume.volumeId)
        if (isWell(where, world)) called.set(what.volume.volumeId, at)
      }
      if (what._tag !== "PublishAnswered" && what._tag !== "UnpublishAnswered") return undefined
      const since = called.get(what.volume.volumeId) ?? at
      const [call, most] =
        what._tag === "PublishAnswered" ? ["publish", kubeletPatience] : ["unpublish", unpublishLasts]
      return at - since >= most && isWell(where, world) && !troubles.hasStruck(where, since, world)
        ? `the ${call} of ${volumeText(what.volume)} took ${at - since} ms`
        : undefined
    }
  }
)

/** The most that a call and its news take on their way, in milliseconds, several calls together. */
const wayOf = ({ server: { behaviour } }: World): number =>
  Duration.toMillis(behaviour.watchLatency) + 10 * Duration.toMillis(behaviour.callLatency)

const toldOfDenial = safety(
  "told of a denial",
  "A publish that waits for a certificate is answered when its request is denied, unless something is wrong in the cluster or a call fails.",
  () => {
    const troubles = new Troubles()
    const waiting = new Map<string, number>()
    const denied = new Map<string, number>()
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what, where } = event
      if (what._tag === "PublishCalled") {
        waiting.set(what.volume.volumeId, at)
        // The call before may have had no answer.
        denied.delete(what.volume.volumeId)
      }
      if (what._tag === "RequestDecided" && what.decision === "denied" && world.pulled.length === 0) {
        const volume = askerOf(what.object, world)
        if (volume !== undefined && waiting.has(volume.volumeId)) denied.set(volume.volumeId, at)
      }
      if (what._tag !== "PublishAnswered") return undefined
      const { volumeId } = what.volume
      const [since, waited] = [waiting.get(volumeId) ?? at, at - (denied.get(volumeId) ?? at)]
      waiting.delete(volumeId)
      denied.delete(volumeId)
      if (waited <= newsLasts + wayOf(world) || !isWell(where, world)) return undefined
      return troubles.disturbedUntil >= since
        ? undefined
        : `the publish of ${volumeText(what.volume)} is answered ${waited} ms after its request was denied`
    }
  }
)

/** How long an answer takes that only has to be given, in milliseconds. */
const answerLasts = 250

/** The most that certlet takes for an answer on a node, with what it may have to record before, in milliseconds. */
const answerLastsOn = (node: string, { nodes }: World): number =>
  answerLasts + 4 * Duration.toMillis(nodes.get(node)?.diskLatency ?? Duration.zero)

/** A call to a disk that was slow may go on for so long, in milliseconds. */
const slowCallLasts = 60_000

/** A publish that waits, and since when its files are there, in milliseconds since 1970. */
interface Waiting {
  readonly since: number
  readonly filledAt: number | undefined
}

const answeredWhenFilled = safety(
  "answered when filled",
  "A publish that waits for a certificate is answered as soon as it is in the volume and recorded, unless something is wrong on the node.",
  () => {
    const troubles = new Troubles()
    const waiting = new Map<string, Waiting>()
    const serialNumbers = new Map<string, string>()
    let quickSince = 0
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what, where } = event
      if (what._tag === "FaultsEnded") quickSince = at + slowCallLasts
      if (what._tag === "PublishCalled") {
        waiting.delete(what.volume.volumeId)
        if (isWell(where, world) && at >= quickSince)
          waiting.set(what.volume.volumeId, { since: at, filledAt: undefined })
      }
      if (what._tag === "Written") {
        const volumeId = volumeAt(world, what.target)?.volumeId ?? ""
        const [sight, last] = [seeVolume(what.volume), waiting.get(volumeId)]
        if (Result.isFailure(sight)) return undefined
        const { serialNumber } = sight.success.certificate
        if (last !== undefined && serialNumbers.get(volumeId) !== serialNumber)
          waiting.set(volumeId, { ...last, filledAt: at })
        serialNumbers.set(volumeId, serialNumber)
      }
      if (what._tag !== "PublishAnswered") return undefined
      const last = waiting.get(what.volume.volumeId)
      waiting.delete(what.volume.volumeId)
      const took = Math.round(at - (last?.filledAt ?? at))
      if (last === undefined || took <= answerLastsOn(where, world) || !isWell(where, world)) return undefined
      return troubles.hasStruck(where, last.since, world)
        ? undefined
        : `the publish of ${volumeText(what.volume)} is answered ${took} ms after its certificate was in the volume`
    }
  }
)

const operatorsAnswered = safety(
  "operators answered",
  "An operator who waits for a renewal is told as soon as the volume goes, unless something is wrong on the node.",
  () => {
    const troubles = new Troubles()
    const gone = new Map<string, number>()
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what, where } = event
      if (what._tag === "PublishCalled") gone.delete(what.volume.volumeId)
      if (what._tag === "UnpublishAnswered" && what.failure === undefined) gone.set(what.volume.volumeId, at)
      if (what._tag !== "OperatorAnswered") return undefined
      const since = gone.get(what.volume.volumeId) ?? at
      const took = Math.round(at - since)
      return took > answerLastsOn(where, world) && isWell(where, world) && !troubles.hasStruck(where, since, world)
        ? `whoever asked about ${volumeText(what.volume)} is answered ${took} ms after it has gone`
        : undefined
    }
  }
)

/** Calls. */
export const judgesOfCalls: ReadonlyArray<Invariant> = [
  answeredInTime,
  answeredWhenFilled,
  operatorsAnswered,
  toldOfDenial
]
