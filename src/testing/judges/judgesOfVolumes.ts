/**
 * The invariants about volumes: what a pod sees is whole and its own, nobody touches another pod's volume, and an
 * unpublish leaves nothing.
 */

import { Option, Result } from "effect"
import { isFinal } from "../../csi/Status.ts"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { volumeAnnotation } from "../../issuance/RequestLabels.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { SimPod } from "../parts/SimPod.ts"
import type { Happening } from "../story/Happening.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { filesOf, seeVolume } from "./Sight.ts"
import { attribute, fixedNamesOf } from "./wishes.ts"

const podAt = (world: World, target: string): SimPod | undefined => world.pods.find((pod) => pod.target === target)

/** The volume whose id an object carries. */
export const volumeOf = ({ metadata }: StoredObject): string => metadata.annotations?.[volumeAnnotation] ?? ""

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
      const pod = podAt(world, what.target)
      if (!chains && pod !== undefined && attribute(pod, "trust-bundle") === "") return "the CA has not signed it"
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
      const pod = podAt(world, what.target)
      if (pod === undefined) return `files were written for no pod at ${what.target}`
      const sight = seeVolume(what.volume)
      if (Result.isFailure(sight)) return undefined
      const { names } = sight.success.certificate
      const isOwn = fixedNamesOf(pod).every((name) => names.includes(name))
      return isOwn ? undefined : `${namespacedName(pod)} sees a certificate for ${names}`
    }
)

/** The target or the volume that a change on a node is about. */
const placeOf = (what: Happening): { readonly target?: string; readonly volumeId?: string } | undefined => {
  switch (what._tag) {
    case "Mounted":
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

const nobodyElses = safety(
  "nobody else's volume",
  "A node touches only the volumes of its own pods, and never unmounts one that a container holds.",
  () =>
    ({ what, where }, world) => {
      const place = placeOf(what)
      if (place === undefined) return undefined
      const pod = world.pods.find(({ target, volumeId }) => target === place.target || volumeId === place.volumeId)
      if (pod === undefined) return undefined
      if (pod.node !== where) return `${where} touches the volume of ${namespacedName(pod)}, which runs on ${pod.node}`
      return what._tag === "Unmounted" && Option.exists(pod.held, (held) => held === what.volume)
        ? `the volume of ${namespacedName(pod)} is unmounted, and its container holds it`
        : undefined
    }
)

/** A call that was on its way when its volume went may still arrive, so late at the most (in milliseconds). */
const stragglers = 60_000

const nothingLeft = safety(
  "nothing left",
  "When an unpublish succeeds, neither files nor mount nor record are left, and nothing works for that volume any more.",
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
      const { pod } = what
      const node = world.nodes.get(where)
      gone.set(pod.volumeId, at)
      const volume = node?.disk.volumes.get(pod.target)
      if (volume !== undefined) {
        return `the mount of ${namespacedName(pod)} is left${filesOf(volume).size === 0 ? "" : ", with its files"}`
      }
      return node?.records.volumeIds().has(pod.volumeId) ? `the record of ${namespacedName(pod)} is left` : undefined
    }
  }
)

/** What stands on a node of a pod's volume; nothing where nothing does. */
const leftOf = (pod: SimPod, world: World): string | undefined => {
  const node = world.nodes.get(pod.node)
  if (node?.disk.volumes.has(pod.target)) return "its mount is left"
  return node?.records.volumeIds().has(pod.volumeId) ? "its record is left" : undefined
}

const finalIsFinal = safety(
  "final is final",
  "When a publish has failed for good, so that no unpublish need follow, neither mount nor record are left, and nothing works for that volume before the next publish.",
  () => {
    const ended = new Map<string, number>()
    return ({ at, what }, world) => {
      if (what._tag === "PublishCalled") ended.delete(what.pod.volumeId)
      if (what._tag === "RecordSaved" && ended.has(what.volumeId)) return `a record of ${what.volumeId} is saved`
      if (what._tag === "RequestCreated" && at - (ended.get(volumeOf(what.object)) ?? at) > stragglers) {
        return `a request for ${volumeOf(what.object)} is made`
      }
      if (what._tag !== "PublishAnswered" || what.failure === undefined || !isFinal(what.failure)) return undefined
      ended.set(what.pod.volumeId, at)
      const left = leftOf(what.pod, world)
      return left === undefined ? undefined : `${namespacedName(what.pod)}: ${what.failure.code}, and ${left}`
    }
  }
)

/** Volumes. */
export const judgesOfVolumes: ReadonlyArray<Invariant> = [
  wholeSets,
  ownCertificate,
  nobodyElses,
  nothingLeft,
  finalIsFinal
]

/** True where a volume has files. */
export const isFilled = (pod: SimPod, world: World): boolean => {
  const volume = world.nodes.get(pod.node)?.disk.volumes.get(pod.target)
  return volume !== undefined && Option.isSome(volume.files)
}
