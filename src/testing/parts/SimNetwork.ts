/**
 * What the API server shows of a simulated cluster's pods, and when: a pod gets its address once its sandbox is made,
 * which a kubelet does when every volume is there, sooner or later; labels, annotations and conditions change when
 * somebody says so. Every change is in the trace.
 */
import { Duration, Effect, Option } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import type { Happening } from "../story/Happening.ts"
import type { Dice } from "./Dice.ts"
import type { SimPod } from "./SimPod.ts"
import { bare, type SimPodRegistry } from "./SimPodRegistry.ts"

/** The pods as the API server shows them. */
export class SimNetwork {
  /** The most that a sandbox takes. */
  lateness: Duration.Duration = Duration.zero
  readonly #registry: SimPodRegistry["Service"]
  readonly #dice: Dice
  readonly #observe: (where: string, what: Happening) => void
  /** The uids of the pods that were deleted by force. */
  readonly #forgotten = new Set<string>()
  #addresses = 0

  constructor(registry: SimPodRegistry["Service"], dice: Dice, observe: (where: string, what: Happening) => void) {
    this.#registry = registry
    this.#dice = dice
    this.#observe = observe
  }

  /** What is shown of a pod. */
  readonly stateOf = (pod: SimPod): PodState => Option.getOrElse(this.#registry.get(pod), () => bare)

  /** True while the API server shows the pod. */
  readonly shows = (pod: SimPod): boolean => Option.isSome(this.#registry.get(pod))

  /** The API server shows the pod no more, whatever its node still does with it. */
  readonly forget = (pod: SimPod): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.#forgotten.add(pod.uid)
      return this.#registry.remove(pod)
    })

  /** Changes what is shown of a pod: whole fields, except that labels, annotations and conditions are merged. */
  readonly change = (pod: SimPod, change: Partial<PodState>): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.#forgotten.has(pod.uid)) return Effect.void
      const before = this.stateOf(pod)
      const merged = {
        ips: change.ips ?? before.ips,
        labels: { ...before.labels, ...change.labels },
        annotations: { ...before.annotations, ...change.annotations },
        conditions: { ...before.conditions, ...change.conditions }
      }
      if (Object.keys(change).length > 0) this.#observe("api", { _tag: "PodChanged", pod, change, state: merged })
      return this.#registry.set(pod, merged)
    })

  /** Gives a pod another address than any that was given before. */
  readonly readdress = (pod: SimPod): Effect.Effect<void> =>
    Effect.suspend(() => {
      const number = ++this.#addresses
      return this.change(pod, { ips: [`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`] })
    })

  /** Makes a pod's sandbox: it comes back when the pod has its address. */
  readonly sandbox = (pod: SimPod): Effect.Effect<void> =>
    Duration.isZero(this.lateness)
      ? this.readdress(pod)
      : Effect.delay(this.readdress(pod), Duration.times(this.lateness, this.#dice.next()))
}
