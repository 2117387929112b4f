/**
 * The invariants about what a pod asks for: files when its publish succeeds, no certificate before its gates open, and
 * names that are the pod's own also where they are known late.
 */

import { Option, Result } from "effect"
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { PodState } from "../../spec/PodState.ts"
import type { SimPod } from "../parts/SimPod.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { isFilled, volumeOf } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { unservedAt } from "./served.ts"
import { gatesOf, isFollowing, isLetIn, mayComeLater, namesOf } from "./wishes.ts"

const servedWhenPublished = safety(
  "published is filled",
  "When a publish succeeds, the volume holds a certificate; if it was empty, one that had not expired when it was called.",
  () => {
    /** When the kubelet called; the beginning of time where the pod had its files already, and may keep them. */
    const called = new Map<string, number>()
    return ({ at, what }, world) => {
      if (what._tag === "PublishCalled") called.set(what.pod.uid, isFilled(what.pod, world) ? 0 : at)
      if (what._tag !== "PublishAnswered" || what.failure !== undefined || mayComeLater(what.pod, world))
        return undefined
      const wrong = unservedAt(what.pod, world, called.get(what.pod.uid) ?? at)
      return wrong === undefined ? undefined : `${namespacedName(what.pod)} was published, but ${wrong}`
    }
  }
)

const gatesHold = safety(
  "gates hold",
  "No certificate is asked for before every readiness gate of its pod has been open.",
  () => {
    const letIn = new Set<string>()
    return ({ what }, world) => {
      if (what._tag === "PodChanged" && isLetIn(what.pod, world, what.state)) letIn.add(what.pod.volumeId)
      if (what._tag !== "RequestCreated") return undefined
      const pod = world.pods.find(({ volumeId }) => volumeId === volumeOf(what.object))
      if (pod === undefined || gatesOf(pod, world).length === 0 || letIn.has(pod.volumeId)) return undefined
      return `a certificate for ${namespacedName(pod)} is asked for, and its gate has never been open`
    }
  }
)

const sameNames = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean =>
  one.length === other.length && one.every((name) => other.includes(name))

/** What is wrong with the names in a pod's volume, if they are to be those of one of these states. */
export const misnamed = (pod: SimPod, world: World, states: ReadonlyArray<PodState>): string | undefined => {
  const volume = world.nodes.get(pod.node)?.disk.volumes.get(pod.target)
  const sight = volume === undefined ? undefined : seeVolume(volume)
  if (sight === undefined || Result.isFailure(sight)) return undefined
  const { names } = sight.success.certificate
  const fits = states.some((state) => Option.exists(namesOf(pod, state), (wanted) => sameNames(names, wanted)))
  return fits ? undefined : `${namespacedName(pod)} has a certificate for ${names.join(", ")}`
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
      const pod = world.pods.find(({ target }) => target === what.target)
      if (pod === undefined || !isFollowing(pod)) return undefined
      return misnamed(pod, world, states.get(pod.uid) ?? [])
    }
  }
)

/** Pods. */
export const judgesOfPods: ReadonlyArray<Invariant> = [servedWhenPublished, gatesHold, ownNames]
