/**
 * A kubelet that behaves as the real one was seen to (version 1.37, against a plugin that recorded its calls). It
 * drives each pod's volume through its life: publish until it succeeds, start the container, publish again and again
 * while the pod lives (`requiresRepublish`), unpublish once it is deleted. One operation per volume at a time; whatever
 * is not answered is asked again with the kubelet's backoff. A volume whose publish has failed for good is forgotten,
 * and no unpublish follows. It remembers nothing across its own restart but what stands in its folders.
 */
import { DateTime, Deferred, Duration, Effect, type Fiber, Option } from "effect"
import type { Calls } from "../../csi/Kubelet.ts"
import { Status } from "../../csi/Status.ts"
import type { Happening } from "../story/Happening.ts"
import { ActualState } from "./ActualState.ts"
import type { Dice } from "./Dice.ts"
import { publishCallOf, type SimPod } from "./SimPod.ts"
import type { SimProcess } from "./SimProcess.ts"
import type { SimVolume } from "./SimVolumeFS.ts"
import { isNews, VolumeNews } from "./VolumeNews.ts"

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

/**
 * A failed operation is repeated after 0.5, 1, 2, 4 s ... (seen); the cap of 2 min 2 s is exponentialbackoff's in
 * Kubernetes.
 */
const backoff = { first: 500, most: 122_000 } as const
/** The deadline of NodePublishVolume and NodeUnpublishVolume (seen: `csiTimeout`, 2 min). */
const patience = Duration.minutes(2)
/** The first republish follows the first success this soon (seen). */
const firstRepublish = Duration.millis(400)
/** An unpublish follows the container's end within this time (seen). */
const teardown = 2000
/** After a kubelet's restart each live volume is published once more within this time (seen). */
const reconstruction = 10_000

const unregistered = new Status({ code: "UNAVAILABLE", sentence: "no plugin is registered (connection refused)" })
const outOfTime = new Status({ code: "DEADLINE_EXCEEDED", sentence: "context deadline exceeded" })

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
  readonly contextOf: (pod: SimPod) => Readonly<Record<string, string>>
  /** The pod's volumes are there, so that its sandbox is made: it gets its address. Comes back when it has it. */
  readonly onSandbox: (pod: SimPod) => Effect.Effect<void>
  /** The pod is gone from the node, and so from the API server. */
  readonly onGone: (pod: SimPod) => Effect.Effect<void>
}

interface PodLife {
  readonly pod: SimPod
  readonly deleted: Deferred.Deferred<void>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  readonly state: ActualState
  readonly news: VolumeNews
}

/** The kubelet of one node. */
export class SimKubelet {
  readonly #parts: KubeletParts
  readonly #lives = new Map<string, PodLife>()
  #up = true

  constructor(parts: KubeletParts) {
    this.#parts = parts
  }

  /** The pods of this node that are not gone. */
  get pods(): ReadonlyArray<SimPod> {
    return [...this.#lives.values()].map(({ pod }) => pod)
  }

  /** How many republishes of these pods were counted and not played. */
  get counted(): number {
    return [...this.#lives.values()].reduce((sum, { news }) => sum + news.counted, 0)
  }

  /** A pod was scheduled to this node. */
  readonly add = (pod: SimPod): void => {
    const deleted = Deferred.makeUnsafe<void>()
    const news = new VolumeNews(pod, this.#parts.now, this.#parts.settings.syncFrequency)
    const life: PodLife = { pod, deleted, fiber: undefined, state: new ActualState(), news }
    this.#lives.set(pod.uid, life)
    this.#parts.observe({ _tag: "PodScheduled", pod })
    if (this.#up) this.#begin(life, 0)
  }

  /** A pod was deleted: its container ends, then its volume goes. */
  readonly delete = (pod: SimPod): void => {
    const life = this.#lives.get(pod.uid)
    if (life === undefined || pod.phase === "ending") return
    pod.phase = "ending"
    this.#parts.observe({ _tag: "PodDeleted", pod })
    Deferred.doneUnsafe(life.deleted, Effect.void)
  }

  /** Something has happened: a volume that it concerns is published at its next sync. */
  readonly hear = (what: Happening): void => {
    if (isNews(what)) for (const { news } of this.#lives.values()) news.hear(what)
  }

  /** A pod's container is started again: it binds what stands at the target now. */
  readonly restartContainer = (pod: SimPod): void => {
    pod.held = Option.fromUndefinedOr(this.#parts.volumeAt(pod.target))
  }

  /** The kubelet stops: its calls are cancelled, containers run on. */
  readonly stop = (): void => {
    this.#up = false
    for (const life of this.#lives.values()) {
      life.fiber?.interruptUnsafe()
      life.fiber = undefined
    }
  }

  /** The kubelet starts: it finds its pods and folders, and goes on with each of them. */
  readonly start = (): void => {
    if (this.#up) return
    this.#up = true
    for (const life of this.#lives.values()) {
      life.state.reconstruct()
      this.#begin(life, this.#parts.dice.between(0, reconstruction))
    }
  }

  #begin(life: PodLife, delay: number): void {
    const work = Effect.suspend(() => this.#live(life))
    life.fiber = this.#parts.run(delay === 0 ? work : Effect.delay(work, Duration.millis(delay)))
  }

  /** A pod's life from wherever it stands. */
  #live(life: PodLife): Effect.Effect<void> {
    const { pod } = life
    return Effect.gen({ self: this }, function* (this: SimKubelet) {
      if (pod.phase === "pending" || pod.phase === "running") {
        yield* this.#repeat(life, (attempt) => this.#publish(life, attempt), true)
        if (this.#isPending(pod)) {
          yield* Effect.raceFirst(this.#parts.onSandbox(pod), Deferred.await(life.deleted))
          if (this.#isPending(pod)) this.#startContainer(pod)
        }
        yield* Effect.raceFirst(this.#republish(life), this.#measure(life))
      }
      yield* Effect.sleep(Duration.millis(this.#parts.dice.between(teardown / 4, teardown)))
      pod.held = Option.none()
      if (life.state.isOwed) yield* this.#repeat(life, (attempt) => this.#unpublish(life, attempt), false)
      pod.phase = "gone"
      this.#lives.delete(pod.uid)
      this.#parts.observe({ _tag: "PodEnded", pod })
      yield* this.#parts.onGone(pod)
    })
  }

  #isPending(pod: SimPod): boolean {
    return pod.phase === "pending"
  }

  #startContainer(pod: SimPod): void {
    pod.phase = "running"
    pod.held = Option.fromUndefinedOr(this.#parts.volumeAt(pod.target))
    this.#parts.observe({ _tag: "PodStarted", pod })
  }

  /** Publishes again at every sync of the pod, until it is deleted. */
  #republish(life: PodLife): Effect.Effect<void> {
    const { dice, settings } = this.#parts
    if (!settings.requiresRepublish) return Deferred.await(life.deleted)
    return Effect.gen({ self: this }, function* (this: SimKubelet) {
      let pause = firstRepublish
      while (!(yield* this.#sleepOrDeleted(life, pause))) {
        life.news.forget()
        yield* this.#repeat(life, (attempt) => this.#publish(life, attempt), true)
        if (this.#isSpared(life.pod)) yield* Effect.raceFirst(life.news.next, Deferred.await(life.deleted))
        pause = Duration.times(settings.syncFrequency, dice.between(1, 1.5))
      }
    })
  }

  /** True where an unchanged republish need not be played. A fresh token in each call is a change. */
  #isSpared(pod: SimPod): boolean {
    const { contextOf, settings } = this.#parts
    return settings.unchangedRepublishes === "count" && Object.keys(contextOf(pod)).length === 0
  }

  /** Asks how the volume is, again and again; what it hears is nobody's business here. */
  #measure({ pod: { target, volumeId } }: PodLife): Effect.Effect<never> {
    const { plugin, settings } = this.#parts
    if (Duration.isZero(settings.statsFrequency)) return Effect.never
    const inspect = ({ inspect }: Calls) => inspect(volumeId, Option.some(target))
    const ask = Effect.suspend(() => plugin()?.call(inspect) ?? Effect.void)
    const patient = Effect.timeoutOption(Effect.ignore(ask), patience)
    return Effect.forever(Effect.delay(patient, settings.statsFrequency))
  }

  /**
   * Repeats an operation with the kubelet's backoff until it succeeds; with `untilDeleted`, a deletion ends it between
   * tries.
   */
  #repeat(
    life: PodLife,
    operation: (attempt: number) => Effect.Effect<Option.Option<Status>>,
    untilDeleted: boolean
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* (this: SimKubelet) {
      for (let attempt = 1; !(untilDeleted && Deferred.isDoneUnsafe(life.deleted)); attempt++) {
        const failure = yield* operation(attempt)
        if (Option.isNone(failure)) return
        const pause = Duration.millis(Math.min(backoff.most, backoff.first * 2 ** Math.min(attempt - 1, 10)))
        if (untilDeleted) yield* this.#sleepOrDeleted(life, pause)
        else yield* Effect.sleep(pause)
      }
    })
  }

  /** True where the pod was deleted meanwhile. */
  #sleepOrDeleted(life: PodLife, pause: Duration.Duration): Effect.Effect<boolean> {
    return Effect.map(Effect.timeoutOption(Deferred.await(life.deleted), pause), Option.isSome)
  }

  #publish(life: PodLife, attempt: number): Effect.Effect<Option.Option<Status>> {
    const { pod } = life
    const plugin = this.#parts.plugin()
    this.#parts.observe({ _tag: "PublishCalled", pod, attempt })
    if (plugin !== undefined) {
      this.#parts.makeFolder(pod.target)
      life.state.note()
    }
    const deadline =
      plugin === undefined
        ? Option.none<DateTime.Utc>()
        : Option.some(DateTime.makeUnsafe(plugin.deadline(this.#parts.now(), patience)))
    return this.#call("PublishAnswered", pod, plugin, (calls) =>
      calls.publish({ ...publishCallOf(pod, this.#parts.contextOf(pod)), deadline })
    ).pipe(
      Effect.tap((failure) =>
        Effect.sync(() => {
          // Where no call was made, nothing is known that was not known before.
          if (plugin !== undefined && life.state.answered(failure)) this.#removeFolder(life)
        })
      )
    )
  }

  #removeFolder(life: PodLife): void {
    if (this.#parts.volumeAt(life.pod.target) !== undefined) return
    this.#parts.removeFolder(life.pod.target)
    life.state.forget()
  }

  #unpublish(life: PodLife, attempt: number): Effect.Effect<Option.Option<Status>> {
    const { pod } = life
    this.#parts.observe({ _tag: "UnpublishCalled", pod, attempt })
    const { target, volumeId } = pod
    const call = this.#call("UnpublishAnswered", pod, this.#parts.plugin(), (calls) =>
      calls.unpublish({ volumeId, target })
    )
    const removed = Effect.sync(() => this.#removeFolder(life))
    return Effect.tap(call, (failure) => (Option.isNone(failure) ? removed : Effect.void))
  }

  #call(
    answer: "PublishAnswered" | "UnpublishAnswered",
    pod: SimPod,
    plugin: SimProcess | undefined,
    method: (calls: Calls) => Effect.Effect<void, Status>
  ): Effect.Effect<Option.Option<Status>> {
    return (plugin === undefined ? Effect.fail(unregistered) : plugin.call(method)).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(outOfTime) }),
      Effect.match({ onFailure: (status) => Option.some(status), onSuccess: () => Option.none<Status>() }),
      Effect.tap((failure) =>
        Effect.sync(() => this.#parts.observe({ _tag: answer, pod, failure: Option.getOrUndefined(failure) }))
      )
    )
  }
}
