/**
 * Whether a pod is served: what stands in its volumes on the host, which every container sees that starts, by the time
 * that the node's own clock shows, because nobody on the node can know better. Pure, but for the world that is looked
 * at.
 */

import { DateTime, Result } from "effect"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { type SimPod, type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { World } from "./Invariants.ts"
import { isFilled, isInherited, mountOf } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { isHeldBack } from "./wishes.ts"

/**
 * Why a volume does not serve its pod at a time (milliseconds since 1970); nothing where it does. What another driver
 * has mounted serves its pod as it is.
 */
export const unservedAt = (volume: SimPodVolume, world: World, at: number): string | undefined => {
  if (isInherited(volume, world)) return undefined
  const node = world.nodes.get(volume.pod.node)
  const mounted = mountOf(volume, world)
  if (mounted === undefined) return "there is no volume"
  const sight = seeVolume(mounted)
  if (Result.isFailure(sight)) return sight.failure
  const { notAfter } = sight.success.certificate
  return DateTime.toEpochMillis(notAfter) > at + (node?.skew.millis ?? 0)
    ? undefined
    : `its certificate ran out at ${DateTime.formatIso(notAfter)}`
}

/** The code of what a pod's kubelet heard last, for each of its volumes whose last call failed. */
export type LastCodes = ReadonlyMap<string, string>

const phaseOf = (pod: SimPod, codes: LastCodes): string => {
  const code = [...pod.volumes.values()].map(({ volumeId }) => codes.get(volumeId)).find((code) => code !== undefined)
  return `${namespacedName(pod)} is ${pod.phase}${code === undefined ? "" : `, its kubelet hears ${code}`}`
}

/**
 * The first pod that should be served and is not, or should be gone and is not. A first certificate may have to wait.
 */
export const unserved = (world: World, codes: LastCodes = new Map()): string | undefined => {
  for (const pod of world.pods) if (pod.phase !== "running") return phaseOf(pod, codes)
  for (const volume of world.volumes) {
    if (!isFilled(volume, world) && isHeldBack(volume, world)) continue
    const wrong = unservedAt(volume, world, world.now)
    if (wrong !== undefined) return `${volumeText(volume)}: ${wrong}`
  }
  return undefined
}
