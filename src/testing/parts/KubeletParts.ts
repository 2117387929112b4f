/**
 * The settings of a simulated kubelet, and what its node and its cluster give it: the registered plugin, the volume at
 * a target, the Secrets, and what to do once a pod's volumes are there or the pod is gone. Only types stand here. The
 * kubelet shares them with the keeper of a single volume.
 */
import type { Duration, Effect, Fiber, Option } from "effect"
import type { PublishSecrets } from "../../spec/VolumeSecrets.ts"
import type { Happening } from "../story/Happening.ts"
import type { Dice } from "./Dice.ts"
import type { SimPod, SimPodVolume } from "./SimPod.ts"
import type { SimProcess } from "./SimProcess.ts"
import type { SimVolume } from "./SimVolume.ts"

/** How the kubelet is set up. */
export interface KubeletSettings {
  /** `requiresRepublish` of the CSIDriver object. */
  readonly requiresRepublish: boolean
  /** `syncFrequency`: how often a pod is looked at; 60 s by default, and up to half as much again (seen). */
  readonly syncFrequency: Duration.Duration
  /**
   * What becomes of a republish that can find nothing new, because nothing has happened to its volume, its node or the
   * cluster since the last one: it is played as every other, or counted without a call.
   */
  readonly unchangedRepublishes: "play" | "count"
  /** How often it asks for a volume's stats (a minute in Kubernetes); zero is never. */
  readonly statsFrequency: Duration.Duration
}

/** What a kubelet needs of its node, and of the cluster. */
export interface KubeletParts {
  readonly settings: KubeletSettings
  readonly dice: Dice
  readonly observe: (what: Happening) => void
  readonly now: () => number
  /** Runs a fiber of the kubelet's. */
  readonly run: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown, unknown>
  /** The certlet that is registered now. */
  readonly plugin: () => SimProcess | undefined
  /** The volume that stands at a target. */
  readonly volumeAt: (target: string) => SimVolume | undefined
  /** Makes the folder that a target is in. */
  readonly makeFolder: (target: string) => void
  /** Removes the folder that a target is in, where nothing is mounted. */
  readonly removeFolder: (target: string) => void
  /** What the volume context holds besides the pod's attributes: tokens, where the CSIDriver object asks for them. */
  readonly contextOf: (volume: SimPodVolume) => Readonly<Record<string, string>>
  /** The entries of the Secret that a volume names; none where there is no such Secret. */
  readonly secretsOf: (volume: SimPodVolume) => Option.Option<PublishSecrets>
  /** The pod's volumes are there, so that its sandbox is made: it gets its address. Comes back when it has it. */
  readonly onSandbox: (pod: SimPod) => Effect.Effect<void>
  /** The pod is gone from the node, and so from the API server. */
  readonly onGone: (pod: SimPod) => Effect.Effect<void>
}
