/**
 * Whether something has happened that the next publishes of a pod's volumes may find: to the pod or to one of them, to
 * certlet on some node, to the cluster. Where nothing has, a publish changes nothing, because certlet keeps no other
 * clock for a volume than that of its renewals. A kubelet may then count the publish and spare itself the call.
 */
import { Duration, Effect, Latch } from "effect"
import type { Happening } from "../story/Happening.ts"
import type { SimPod } from "./SimPod.ts"

/** What concerns every pod: what somebody does to a cluster, and certlet's processes as they come and go. */
const ofAll: ReadonlySet<Happening["_tag"]> = new Set([
  "Struck",
  "FaultsEnded",
  "ProcessStarted",
  "ProcessStopped",
  "ProcessKilled"
])

/** True where it may concern a pod. A publish itself is no news. */
export const isNews = (what: Happening): boolean =>
  what._tag !== "PublishCalled" &&
  what._tag !== "PublishAnswered" &&
  ("pod" in what || "target" in what || "volumeId" in what || ofAll.has(what._tag))

/** A kubelet's pause between two looks at a pod is its frequency and up to so many times as much (seen). */
export const longestPause = 1.5

/** The news of one pod, and how many publishes were spared because there was none. */
export class PodNews {
  readonly #pod: SimPod
  readonly #now: () => number
  /** How long it is on average, in milliseconds. */
  readonly #pause: number
  readonly #latch = Latch.makeUnsafe(true)
  #counted = 0
  /** Since when somebody waits for news, in simulated milliseconds. */
  #since: number | undefined

  /** `now` gives milliseconds; `syncFrequency` is the kubelet's. */
  constructor(pod: SimPod, now: () => number, syncFrequency: Duration.Duration) {
    this.#pod = pod
    this.#now = now
    this.#pause = ((1 + longestPause) / 2) * Duration.toMillis(syncFrequency)
  }

  /** How many publishes were spared so far. */
  get counted(): number {
    const looks = this.#since === undefined ? 0 : Math.floor((this.#now() - this.#since) / this.#pause)
    return this.#counted + looks * this.#pod.volumes.size
  }

  /** Comes back once there is news; until then the publishes that would have come are counted. */
  readonly next: Effect.Effect<void> = Effect.suspend(() => {
    this.#since = this.#now()
    return Effect.ensuring(
      this.#latch.await,
      Effect.sync(() => {
        this.#counted = this.counted
        this.#since = undefined
      })
    )
  })

  /** The publishes begin: they find all that has happened until now. */
  readonly forget = (): void => void this.#latch.closeUnsafe()

  /** One of the publishes has begun too early to find what has happened since. */
  readonly miss = (): void => void this.#latch.openUnsafe()

  /** There is news, which may concern another pod. */
  readonly hear = (what: Happening): void => {
    if (ofAll.has(what._tag) || this.#concerns(what)) this.#latch.openUnsafe()
  }

  #concerns(what: Happening): boolean {
    if ("pod" in what) return what.pod.uid === this.#pod.uid
    return [...this.#pod.volumes.values()].some(
      ({ target, volumeId }) =>
        ("target" in what && what.target === target) || ("volumeId" in what && what.volumeId === volumeId)
    )
  }
}
