/**
 * The invariants about what a pod asks for: files when its publish succeeds, no certificate before its gates open, and
 * names that are the pod's own also where they are known late.
 */

import { Option, Result } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { askerOf, isFilled, isInherited, mountOf, volumeAt } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { unservedAt } from "./served.ts"
import { gatesOf, isFollowing, isLetIn, mayComeLater, namesOf } from "./wishes.ts"

const servedWhenPublished = safety(
  "published is filled",
  "When a publish succeeds, the volume holds a certificate; if it was empty, one that had not expired when it was called, unless its disk hung; another driver's serves as it is, until a stranger takes it away.",
  () => {
    /**
     * When the kubelet called; the beginning of time where the volume had its files already, and may keep them, or
     * where a certificate may run out before the disk has taken it.
     */
    const called = new Map<string, number>()
    /** The volumes that were another driver's when the kubelet called: what a publish leaves alone may be gone then. */
    const inherited = new Set<string>()
    return ({ at, what }, world) => {
      if (what._tag === "PublishCalled") {
        const { pod, volumeId } = what.volume
        inherited.delete(volumeId)
        if (isInherited(what.volume, world)) inherited.add(volumeId)
        const mayKeep = isFilled(what.volume, world) || world.nodes.get(pod.node)?.isQuick !== true
        called.set(volumeId, mayKeep ? 0 : at)
      }
      if (what._tag !== "PublishAnswered" || what.failure !== undefined || mayComeLater(what.volume, world))
        return undefined
      if (inherited.has(what.volume.volumeId) && mountOf(what.volume, world) === undefined) return undefined
      const wrong = unservedAt(what.volume, world, called.get(what.volume.volumeId) ?? at)
      return wrong === undefined ? undefined : `${volumeText(what.volume)} was published, but ${wrong}`
    }
  }
)

const gatesHold = safety(
  "gates hold",
  "No certificate is asked for before every readiness gate of its pod has been open.",
  () => {
    const letIn = new Set<string>()
    return ({ what }, world) => {
      if (what._tag === "PodChanged") {
        for (const volume of what.pod.volumes.values()) {
          if (isLetIn(volume, world, what.state)) letIn.add(volume.volumeId)
        }
      }
      if (what._tag !== "RequestCreated") return undefined
      const volume = askerOf(what.object, world)
      if (volume === undefined || gatesOf(volume, world).length === 0 || letIn.has(volume.volumeId)) return undefined
      return `a certificate for ${volumeText(volume)} is asked for, and its gate has never been open`
    }
  }
)

const sameNames = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean =>
  one.length === other.length && one.every((name) => other.includes(name))

/** What is wrong with the names in a volume, if they are to be those of one of these states of its pod. */
export const misnamed = (volume: SimPodVolume, world: World, states: ReadonlyArray<PodState>): string | undefined => {
  const mounted = mountOf(volume, world)
  const sight = mounted === undefined ? undefined : seeVolume(mounted)
  if (sight === undefined || Result.isFailure(sight)) return undefined
  const { names } = sight.success.certificate
  const fits = states.some((state) => Option.exists(namesOf(volume, state), (wanted) => sameNames(names, wanted)))
  return fits ? undefined : `${volumeText(volume)} has a certificate for ${names.join(", ")}`
}

const ownNames = safety(
  "own names",
  "A certificate whose names follow its pod holds an address and labels that are or were this pod's.",
  () => {
    const states = new Map<string, Array<PodState>>()
    return ({ what }, world) => {
      if (what._tag === "PodChanged") {
        const seen = states.get(what.pod.uid) ?? []
        states.set(what.pod.uid, [...seen, what.state])
      }
      if (what._tag !== "Written") return undefined
      const volume = volumeAt(world, what.target)
      if (volume === undefined || !isFollowing(volume)) return undefined
      return misnamed(volume, world, states.get(volume.pod.uid) ?? [])
    }
  }
)

/** Pods. */
export const judgesOfPods: ReadonlyArray<Invariant> = [servedWhenPublished, gatesHold, ownNames]
