/**
 * The invariants about volumes: what a pod sees is whole and its own, nobody touches another pod's volume, and an
 * unpublish leaves nothing.
 */

import { Option, Predicate, Result } from "effect"
import { isFinal } from "../../csi/Status.ts"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { volumeAnnotation } from "../../issuance/RequestLabels.ts"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { SimVolume } from "../parts/SimVolume.ts"
import type { Happening } from "../story/Happening.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { filesOf, seeVolume } from "./Sight.ts"
import { attribute, fixedNamesOf } from "./wishes.ts"

/** The volume whose target this is, while its pod is there. */
export const volumeAt = (world: World, target: string): SimPodVolume | undefined =>
  world.volumes.find((volume) => volume.target === target)

/** The volume of this id, while its pod is there. */
export const volumeById = (world: World, volumeId: string): SimPodVolume | undefined =>
  world.volumes.find((volume) => volume.volumeId === volumeId)

/** The id of the volume that an object is about. */
export const volumeOf = ({ metadata }: StoredObject): string => metadata.annotations?.[volumeAnnotation] ?? ""

/** The certificate in a signed request, PEM; nothing in others. */
export const certificateIn = ({ status }: StoredObject): string | undefined =>
  Predicate.hasProperty(status, "certificate") && Predicate.isString(status.certificate)
    ? atob(status.certificate)
    : undefined

/** True where a request has brought one of these certificates, PEM. */
export const hasBrought = (object: StoredObject, pems: Iterable<string>): boolean => {
  const chain = certificateIn(object) ?? ""
  return [...pems].some((pem) => chain.includes(pem.trim()))
}

/** The volume that a request is made for, while its pod is there. */
export const askerOf = (object: StoredObject, world: World): SimPodVolume | undefined =>
  volumeById(world, volumeOf(object))

const wholeSets = safety(
  "whole sets",
  "What a pod sees is a whole set of files: a certificate, the key it is for, and a CA.",
  () => {
    const names = new Map<string, ReadonlyArray<string>>()
    return ({ what }, world) => {
      if (what._tag !== "Written") return undefined
      const sight = seeVolume(what.volume)
      if (Result.isFailure(sight)) return sight.failure
      const { chains, files, matchesKey } = sight.success
      if (!matchesKey) return "the key is not the certificate's"
      const volume = volumeAt(world, what.target)
      if (!chains && volume !== undefined && attribute(volume, "trust-bundle") === "") return "the CA has not signed it"
      const empty = [...files].find(([, { text }]) => text === "")
      if (empty !== undefined) return `${empty[0]} is empty`
      const before = names.get(what.target) ?? [...files.keys()]
      names.set(what.target, before)
      const lacking = before.filter((name) => !files.has(name))
      return lacking.length > 0 ? `${lacking.join(", ")} is no longer there` : undefined
    }
  }
)

const ownCertificate = safety(
  "own certificate",
  "A pod's volume holds that pod's certificate and nobody else's.",
  () =>
    ({ what }, world) => {
      if (what._tag !== "Written") return undefined
      const volume = volumeAt(world, what.target)
      if (volume === undefined) return `files were written for no pod at ${what.target}`
      const sight = seeVolume(what.volume)
      if (Result.isFailure(sight)) return undefined
      const { names } = sight.success.certificate
      const isOwn = fixedNamesOf(volume).every((name) => names.includes(name))
      return isOwn ? undefined : `${volumeText(volume)} sees a certificate for ${names}`
    }
)

const neverBack = safety(
  "never back",
  "A volume never shows a certificate again that another one has replaced.",
  () => {
    const shown = new Map<string, Set<string>>()
    const last = new Map<string, string>()
    return ({ what }, world) => {
      if (what._tag !== "Written") return undefined
      const volume = volumeAt(world, what.target)
      const sight = seeVolume(what.volume)
      if (volume === undefined || Result.isFailure(sight)) return undefined
      const { serialNumber } = sight.success.certificate
      const before = shown.get(volume.volumeId) ?? new Set()
      const isBack = last.get(volume.volumeId) !== serialNumber && before.has(serialNumber)
      shown.set(volume.volumeId, before.add(serialNumber))
      last.set(volume.volumeId, serialNumber)
      return isBack ? `${volumeText(volume)} shows the certificate ${serialNumber} again` : undefined
    }
  }
)

/** The target or the volume that a change on a node is about. */
const placeOf = (what: Happening): { readonly target?: string; readonly volumeId?: string } | undefined => {
  switch (what._tag) {
    case "Mounted":
    case "Released":
    case "Unmounted":
    case "Written":
      return { target: what.target }
    case "RecordSaved":
    case "RecordRemoved":
      return { volumeId: what.volumeId }
    default:
      return undefined
  }
}

/**
 * True for a mount that is made after strangers have taken a running pod's record and mount: nothing on the node tells
 * it from a new pod's, not even when a container has started on it.
 */
const isBlind = ({ pod, volumeId }: SimPodVolume, world: World): boolean =>
  pod.phase === "running" && world.nodes.get(pod.node)?.records.isBegunAgain(volumeId) === true

const nobodyElses = safety(
  "nobody else's volume",
  "A node touches only the volumes of its own pods, and never unmounts one that a container holds.",
  () => {
    const blind = new WeakSet<SimVolume>()
    return ({ what, where }, world) => {
      const place = placeOf(what)
      if (place === undefined) return undefined
      const volume = world.volumes.find(
        ({ target, volumeId }) => target === place.target || volumeId === place.volumeId
      )
      if (volume === undefined) return undefined
      const { node } = volume.pod
      if (node !== where) return `${where} touches the volume of ${volumeText(volume)}, which runs on ${node}`
      if (what._tag === "Mounted" && isBlind(volume, world)) {
        const made = mountOf(volume, world)
        if (made !== undefined) blind.add(made)
      }
      const isHeld =
        what._tag === "Unmounted"
          ? Option.exists(volume.held, (held) => held === what.volume && !blind.has(held))
          : what._tag === "Released" && volume.pod.phase === "running"
      return isHeld ? `the volume of ${volumeText(volume)} is unmounted, and its container holds it` : undefined
    }
  }
)

/** A call that was on its way when its volume went may still arrive, so late at the most (in milliseconds). */
const stragglers = 60_000

const nothingLeft = safety(
  "nothing left",
  "When an unpublish succeeds, neither files nor mount nor record are left, unless the disk refused to remove the record, and nothing works for that volume any more.",
  () => {
    const gone = new Map<string, number>()
    return ({ at, what, where }, world) => {
      if (what._tag === "RecordSaved" && gone.has(what.volumeId)) {
        return `a record of ${what.volumeId} is saved, and the volume is gone`
      }
      if (what._tag === "RequestCreated") {
        const since = gone.get(volumeOf(what.object))
        return since !== undefined && at - since > stragglers
          ? `a request for ${volumeOf(what.object)} is made, and the volume is gone`
          : undefined
      }
      if (what._tag !== "UnpublishAnswered" || what.failure !== undefined) return undefined
      const { target, volumeId } = what.volume
      const node = world.nodes.get(where)
      gone.set(volumeId, at)
      const mounted = mountOf(what.volume, world)
      if (mounted !== undefined) {
        return `the mount of ${volumeText(what.volume)} is left${filesOf(mounted).size === 0 ? "" : ", with its files"}`
      }
      if (node?.disk.inherited.has(target)) return `the other driver's mount of ${volumeText(what.volume)} is left`
      // A record that cannot be removed keeps no pod from its end; it goes later, and a settled cluster has none.
      if (node?.records.isStuck(volumeId)) return undefined
      return node?.records.volumeIds().has(volumeId) ? `the record of ${volumeText(what.volume)} is left` : undefined
    }
  }
)

/** What stands on a node of a volume; nothing where nothing does. */
const leftOf = ({ pod, target, volumeId }: SimPodVolume, world: World): string | undefined => {
  const node = world.nodes.get(pod.node)
  if (node?.disk.volumes.has(target)) return "its mount is left"
  return node?.records.volumeIds().has(volumeId) ? "its record is left" : undefined
}

const finalIsFinal = safety(
  "final is final",
  "When a publish has failed for good, so that no unpublish need follow, neither mount nor record are left, and nothing works for that volume before the next publish.",
  () => {
    const ended = new Map<string, number>()
    return ({ at, what }, world) => {
      if (what._tag === "PublishCalled") ended.delete(what.volume.volumeId)
      if (what._tag === "RecordSaved" && ended.has(what.volumeId)) return `a record of ${what.volumeId} is saved`
      if (what._tag === "RequestCreated" && at - (ended.get(volumeOf(what.object)) ?? at) > stragglers) {
        return `a request for ${volumeOf(what.object)} is made`
      }
      if (what._tag !== "PublishAnswered" || what.failure === undefined || !isFinal(what.failure)) return undefined
      ended.set(what.volume.volumeId, at)
      const left = leftOf(what.volume, world)
      return left === undefined ? undefined : `${volumeText(what.volume)}: ${what.failure.code}, and ${left}`
    }
  }
)

/** Volumes. */
export const judgesOfVolumes: ReadonlyArray<Invariant> = [
  wholeSets,
  ownCertificate,
  neverBack,
  nobodyElses,
  nothingLeft,
  finalIsFinal
]

/** True where a volume is still another driver's. */
export const isInherited = ({ pod, target }: SimPodVolume, world: World): boolean =>
  world.nodes.get(pod.node)?.disk.inherited.has(target) === true

/** What is mounted for a volume on its node; nothing where nothing of certlet's is. */
export const mountOf = ({ pod, target }: SimPodVolume, { nodes }: World): SimVolume | undefined =>
  nodes.get(pod.node)?.disk.volumes.get(target)

/** True where a volume has files. */
export const isFilled = (volume: SimPodVolume, world: World): boolean => {
  const mounted = mountOf(volume, world)
  return mounted !== undefined && Option.isSome(mounted.files)
}

/** The lever by which something of a stranger's stands at a volume's target. */
export const strangersAt = ({ pod, volumeId }: SimPodVolume): string => `${pod.node}/planted/${volumeId}`
