/**
 * Which of a pod's volumes a verb is about. One that looks at a single volume means the pod's only one, and has to be
 * told which where there are several; one that does something to volumes means all of them, unless it is told which.
 */
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { SimPod, SimPodVolume } from "../parts/SimPod.ts"
import { Misuse, named } from "./misuse.ts"

/** The volume of this name, or the pod's only one. */
export const oneVolume = (pod: SimPod, name?: string): SimPodVolume => {
  if (name !== undefined) return named("volume", pod.volumes, name)
  const [only, ...others] = pod.volumes.values()
  if (only !== undefined && others.length === 0) return only
  throw new Misuse(`${namespacedName(pod)} has the volumes ${[...pod.volumes.keys()].join(", ")}; name one of them`)
}

/** The volume of this name, or all of them. */
export const volumesOf = (pod: SimPod, name?: string): ReadonlyArray<SimPodVolume> =>
  name === undefined ? [...pod.volumes.values()] : [oneVolume(pod, name)]
