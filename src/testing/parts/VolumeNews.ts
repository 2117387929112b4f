/**
 * Whether something has happened that the next publish of a volume may find: to the volume or to its pod, to certlet on
 * some node, to the cluster. Where nothing has, a publish changes nothing, because certlet keeps no other clock for a
 * volume than that of its renewals. A kubelet may then count the publish and spare itself the call.
 */
import { Duration, Effect, Latch } from "effect"
import type { Happening } from "../story/Happening.ts"
import type { SimPod } from "./SimPod.ts"

/** What concerns every volume: what somebody does to a cluster, and certlet's processes as they come and go. */
const ofAll: ReadonlySet<Happening["_tag"]> = new Set([
  "Struck",
  "FaultsEnded",
  "ProcessStarted",
  "ProcessStopped",
  "ProcessKilled"
])

/** True where it may concern a volume. A publish itself is no news. */
export const isNews = (what: Happening): boolean =>
  what._tag !== "PublishCalled" &&
  what._tag !== "PublishAnswered" &&
  ("pod" in what || "target" in what || "volumeId" in what || ofAll.has(what._tag))

/** A kubelet's pause between two looks at a pod is its frequency and up to half as much again (seen). */
const meanPause = 1.25

/** The news of one volume, and how many publishes were spared because there was none. */
export class VolumeNews {
  readonly #pod: SimPod
  readonly #now: () => number
  readonly #pause: number
  readonly #latch = Latch.makeUnsafe(true)
  #counted = 0
  /** Since when somebody waits for news, in simulated milliseconds. */
  #since: number | undefined

  /** `now` gives milliseconds; `syncFrequency` is the kubelet's. */
  constructor(pod: SimPod, now: () => number, syncFrequency: Duration.Duration) {
    this.#pod = pod
    this.#now = now
    this.#pause = meanPause * Duration.toMillis(syncFrequency)
  }

  /** How many publishes were spared so far. */
  get counted(): number {
    return this.#counted + (this.#since === undefined ? 0 : Math.floor((this.#now() - this.#since) / this.#pause))
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

  /** A publish begins: it finds all that has happened until now. */
  readonly forget = (): void => void this.#latch.closeUnsafe()

  /** There is news, which may concern another volume. */
  readonly hear = (what: Happening): void => {
    if (ofAll.has(what._tag) || this.#concerns(what)) this.#latch.openUnsafe()
  }

  #concerns(what: Happening): boolean {
    const { target, uid, volumeId } = this.#pod
    if ("pod" in what) return what.pod.uid === uid
    if ("target" in what) return what.target === target
    return "volumeId" in what && what.volumeId === volumeId
  }
}
