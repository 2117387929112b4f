/**
 * Whether a pod is served: what stands in its volume on the host, which every container sees that starts, by the time
 * that the node's own clock shows, because nobody on the node can know better. Pure, but for the world that is looked
 * at.
 */

import { DateTime, Result } from "effect"
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { SimPod } from "../parts/SimPod.ts"
import type { World } from "./Invariants.ts"
import { isFilled } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { isHeldBack } from "./wishes.ts"

/** Why a pod is not served at a time (milliseconds since 1970); nothing where it is. */
export const unservedAt = (pod: SimPod, world: World, at: number): string | undefined => {
  const node = world.nodes.get(pod.node)
  const volume = node?.disk.volumes.get(pod.target)
  if (volume === undefined) return "there is no volume"
  const sight = seeVolume(volume)
  if (Result.isFailure(sight)) return sight.failure
  const { notAfter } = sight.success.certificate
  return DateTime.toEpochMillis(notAfter) > at + (node?.skew.millis ?? 0)
    ? undefined
    : `its certificate ran out at ${DateTime.formatIso(notAfter)}`
}

/**
 * The first pod that should be served and is not, or should be gone and is not. A first certificate may have to wait.
 */
export const unserved = (world: World): string | undefined => {
  for (const pod of world.pods) {
    if (pod.phase !== "running") return `${namespacedName(pod)} is ${pod.phase}`
    if (!isFilled(pod, world) && isHeldBack(pod, world)) continue
    const wrong = unservedAt(pod, world, world.now)
    if (wrong !== undefined) return `${namespacedName(pod)}: ${wrong}`
  }
  return undefined
}
