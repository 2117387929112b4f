/**
 * How a cluster's kubelets are set up, as a user says it and as they take it. What means nothing is told at once.
 */
import type { Duration } from "effect"
import type { KubeletSettings } from "../parts/KubeletParts.ts"
import { known, oneOf, timeOf } from "./misuse.ts"

/** What a user may say of the kubelets. */
export interface KubeletOptions {
  /** `requiresRepublish` of the CSIDriver object; true by default. */
  readonly requiresRepublish?: boolean
  /**
   * What becomes of a republish that can find nothing new, because nothing has happened to its volume, its pod, certlet
   * or the cluster since the last one. `play`, the default, calls certlet as a real kubelet does; `count` only counts
   * it (`counted` of a node's kubelet), so that weeks of a quiet cluster pass in seconds.
   */
  readonly unchangedRepublishes?: KubeletSettings["unchangedRepublishes"]
  /** How often the kubelet looks at a pod; a minute by default, and up to half as much again. */
  readonly syncFrequency?: Duration.Input
  /** How often the kubelet asks for the stats of each volume; never by default, every minute in Kubernetes. */
  readonly statsFrequency?: Duration.Input
}

/** The settings of every kubelet, if each of them makes sense. */
export const soundKubelet = (given: KubeletOptions): KubeletSettings => {
  const {
    requiresRepublish = true,
    statsFrequency = 0,
    syncFrequency = "1 minute",
    unchangedRepublishes = "play"
  } = known("a kubelet", given, {
    requiresRepublish: true,
    unchangedRepublishes: true,
    syncFrequency: true,
    statsFrequency: true
  })
  return {
    requiresRepublish,
    unchangedRepublishes: oneOf("unchangedRepublishes", unchangedRepublishes, ["play", "count"]),
    syncFrequency: timeOf(syncFrequency),
    statsFrequency: timeOf(statsFrequency)
  }
}
