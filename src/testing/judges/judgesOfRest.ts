/**
 * The invariants of rest: what must be so again once nothing goes wrong any more. They are judged when a cluster has
 * settled, and the one about service from then on at every step, until somebody disturbs the cluster again.
 */

import { DateTime, Option, Result } from "effect"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import { type Invariant, type Judge, liveness, type World } from "./Invariants.ts"
import { outOfDate } from "./judgesOfKeystores.ts"
import { misnamed } from "./judgesOfPods.ts"
import { isFilled, isInherited, mountOf, volumeOf } from "./judgesOfVolumes.ts"
import { type Sight, seeVolume } from "./Sight.ts"
import { unserved } from "./served.ts"
import { isSkewed } from "./Troubles.ts"
import { caFileOf, isFollowing, isHeldBack, trustOf } from "./wishes.ts"

/** What ends a cluster's rest. */
const unsettling: ReadonlyArray<string> = ["Struck", "PodScheduled", "PodDeleted", "PodChanged"]

/**
 * A pause that began before faults ended may last so long beyond them, in milliseconds: refusals are met with 7.5 min.
 */
const lastPause = 600_000
/** A clock that was wrong until then is seen to be right so late at the most, in milliseconds. */
const lastMistake = 3_600_000

const served = liveness(
  "served",
  "Once faults end, every live pod is served and every deleted one is gone, and so it stays.",
  () => {
    /** Until when what was before faults ended may show, in milliseconds since 1970. */
    let calmFrom: number | undefined
    let isAtRest = false
    const codes = new Map<string, string>()
    return ({ at, what }, world) => {
      if (what._tag === "PublishAnswered" || what._tag === "UnpublishAnswered") {
        if (what.failure === undefined) codes.delete(what.volume.volumeId)
        else codes.set(what.volume.volumeId, what.failure.code)
      }
      if (unsettling.includes(what._tag)) isAtRest = false
      // What a pod does by itself is no fault, and pauses that began before may last as long.
      if (what._tag === "Struck") calmFrom = undefined
      if (what._tag === "FaultsEnded") calmFrom ??= at + (isSkewed(world) ? lastMistake : lastPause)
      if (what._tag === "Settled") isAtRest = true
      const isPausing = calmFrom !== undefined && at < calmFrom
      return what._tag === "Settled" || (isAtRest && !isPausing) ? unserved(world, codes) : undefined
    }
  }
)

const atRest =
  (wrong: (world: World) => string | undefined) =>
  (): Judge =>
  ({ what }, world) =>
    what._tag === "Settled" ? wrong(world) : undefined

const filled = (world: World): ReadonlyArray<SimPodVolume> => world.volumes.filter((volume) => isFilled(volume, world))

/** What a volume holds, if it is mounted and holds a certificate. */
const sightOf = (volume: SimPodVolume, world: World): Option.Option<Sight> => {
  const mounted = mountOf(volume, world)
  return mounted === undefined ? Option.none() : Result.getSuccess(seeVolume(mounted))
}

/** The first volume whose CA file is not what its trust bundle holds. */
const distrusting = (world: World): string | undefined => {
  const volume = filled(world).find((volume) =>
    Option.exists(sightOf(volume, world), ({ files }) =>
      Option.exists(trustOf(volume, world), (wanted) => files.get(caFileOf(volume))?.text !== wanted)
    )
  )
  return volume === undefined ? undefined : `${volumeText(volume)} does not have the CA that its trust bundle holds`
}

const trustFollowed = liveness(
  "trust followed",
  "Once faults end, a pod's CA file is what its trust bundle holds.",
  atRest(distrusting)
)

const outdated = (world: World): string | undefined => {
  for (const volume of filled(world)) {
    if (!isFollowing(volume) || isHeldBack(volume, world)) continue
    const wrong = misnamed(volume, world, [world.stateOf(volume.pod)])
    if (wrong !== undefined) return wrong
  }
  return undefined
}

const namesFollowed = liveness(
  "names followed",
  "Once faults end, a certificate whose names follow its pod has the address and the labels that the pod has now.",
  atRest(outdated)
)

const orphaned = (world: World): string | undefined => {
  for (const [name, node] of world.nodes) {
    const here = world.volumes.filter(({ pod }) => pod.node === name)
    const mount = [...node.disk.volumes.keys(), ...node.disk.inherited].find(
      (target) => !here.some((volume) => volume.target === target)
    )
    if (mount !== undefined) return `${name} has a mount at ${mount}, and no such pod`
    const record = [...node.records.volumeIds()].find((id) => !here.some(({ volumeId }) => volumeId === id))
    if (record !== undefined) return `${name} has a record of ${record}, and no such pod`
  }
  return undefined
}

const noOrphans = liveness(
  "no orphans",
  "Once faults end, every mount and every record belongs to a pod of its node.",
  atRest(orphaned)
)

const fewRequests = liveness(
  "few requests",
  "A volume that got a certificate since faults ended has at most two requests at the API server.",
  () => {
    let renewed: Set<string> | undefined
    return ({ what }, { server, volumes }) => {
      if (what._tag === "Struck") renewed = undefined
      if (what._tag === "FaultsEnded") renewed ??= new Set()
      const written = what._tag === "Written" ? volumes.find(({ target }) => target === what.target) : undefined
      if (written !== undefined) renewed?.add(written.volumeId)
      if (what._tag !== "Settled") return undefined
      const counts = new Map<string, number>()
      for (const object of server.api.stores.requests.all())
        counts.set(volumeOf(object), (counts.get(volumeOf(object)) ?? 0) + 1)
      const most = [...counts].find(([volume, count]) => count > 2 && renewed?.has(volume))
      return most === undefined ? undefined : `volume ${most[0]} has ${most[1]} requests`
    }
  }
)

const withoutCertlet = ({ nodes }: World): string | undefined => {
  const node = [...nodes.values()].find(({ isServing }) => !isServing)
  return node === undefined ? undefined : `no certlet serves on ${node.name}`
}

/**
 * A running pod's volume whose record was lost: certlet hears of it with its next publish, and knows no password after
 * a restart before it has a certificate again.
 */
const unknown = (world: World): string | undefined => {
  const isKnown = ({ pod, volumeId }: SimPodVolume) => {
    const records = world.nodes.get(pod.node)?.records
    return records?.texts.has(volumeId) === true && !records.isBegunAgain(volumeId)
  }
  const volume = world.volumes.find((one) => one.pod.phase === "running" && !isInherited(one, world) && !isKnown(one))
  return volume === undefined ? undefined : `there is no record of ${volumeText(volume)}`
}

/** What is not at rest yet; nothing where everything is. */
export const unrest = (world: World): string | undefined =>
  withoutCertlet(world) ??
  unknown(world) ??
  unserved(world) ??
  distrusting(world) ??
  outdated(world) ??
  outOfDate(world) ??
  orphaned(world)

/** How long the certificates of now are good for, in milliseconds: after that each has been renewed or has expired. */
export const outlivingMillis = (world: World): number => {
  const ends = filled(world).flatMap((volume) =>
    Option.toArray(sightOf(volume, world)).map(({ certificate }) => DateTime.toEpochMillis(certificate.notAfter))
  )
  return Math.max(0, ...ends.map((end) => end - world.now))
}

/** Rest. */
export const judgesOfRest: ReadonlyArray<Invariant> = [served, trustFollowed, namesFollowed, noOrphans, fewRequests]
