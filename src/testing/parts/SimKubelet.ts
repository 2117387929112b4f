/**
 * A kubelet that behaves as the real one was seen to (version 1.37, against a plugin that recorded its calls). It
 * drives each pod's volumes through their lives: publish all of them at once until each has succeeded, start the
 * container, publish again and again while the pod lives (`requiresRepublish`), unpublish once it is deleted. One
 * operation per volume at a time; whatever is not answered is asked again with the kubelet's backoff. A volume whose
 * publish has failed for good is forgotten, and no unpublish follows. It remembers nothing across its own restart but
 * what stands in its folders.
 */
import { Deferred, Duration, Effect, type Fiber, Option } from "effect"
import type { Happening } from "../story/Happening.ts"
import type { KubeletParts } from "./KubeletParts.ts"
import { isNews, longestPause, PodNews } from "./PodNews.ts"
import type { SimPod } from "./SimPod.ts"
import { VolumeKeeper } from "./VolumeKeeper.ts"

/** The first republish follows the first success this soon (seen). */
const firstRepublish = Duration.millis(400)
/** An unpublish follows the container's end within this time (seen). */
const teardown = 2000
/** After a kubelet's restart each live volume is published once more within this time (seen). */
const reconstruction = 10_000

interface PodLife {
  readonly pod: SimPod
  readonly deleted: Deferred.Deferred<void>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  readonly volumes: ReadonlyArray<VolumeKeeper>
  /** Done when the pod is looked at next. */
  sync: Deferred.Deferred<void>
  readonly news: PodNews
}

/** The kubelet of one node. */
export class SimKubelet {
  readonly #parts: KubeletParts
  readonly #lives = new Map<string, PodLife>()
  #up = true
  #hasLeft = false

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
    const news = new PodNews(pod, this.#parts.now, this.#parts.settings.syncFrequency)
    const volumes = [...pod.volumes.values()].map((volume) => new VolumeKeeper(this.#parts, volume, deleted))
    const life: PodLife = { pod, deleted, volumes, fiber: undefined, sync: Deferred.makeUnsafe(), news }
    if (pod.phase === "running") for (const { state } of volumes) state.inherit()
    this.#lives.set(pod.uid, life)
    this.#parts.observe({ _tag: "PodScheduled", pod })
    if (this.#up) this.#begin(life, 0)
  }

  /** A pod was deleted: its container ends, then its volumes go. */
  readonly delete = (pod: SimPod): void => {
    const life = this.#lives.get(pod.uid)
    if (life === undefined || pod.phase === "ending") return
    pod.phase = "ending"
    this.#parts.observe({ _tag: "PodDeleted", pod })
    Deferred.doneUnsafe(life.deleted, Effect.void)
  }

  /** Something has happened: the volumes of a pod that it concerns are published at its next sync. */
  readonly hear = (what: Happening): void => {
    if (isNews(what)) for (const { news } of this.#lives.values()) news.hear(what)
  }

  /** A pod's container is started again: it binds what stands at the targets now. */
  readonly restartContainer = (pod: SimPod): void => {
    for (const volume of pod.volumes.values()) volume.held = Option.fromUndefinedOr(this.#parts.volumeAt(volume.target))
  }

  /** The kubelet stops: its calls are cancelled, containers run on. */
  readonly stop = (): void => {
    this.#up = false
    for (const life of this.#lives.values()) {
      life.fiber?.interruptUnsafe()
      life.fiber = undefined
    }
  }

  /** The kubelet is gone for good, and its pods with it; answers with them. */
  readonly leave = (): ReadonlyArray<SimPod> => {
    this.stop()
    this.#hasLeft = true
    const { pods } = this
    this.#lives.clear()
    for (const pod of pods) {
      pod.phase = "gone"
      for (const volume of pod.volumes.values()) volume.held = Option.none()
      this.#parts.observe({ _tag: "PodEnded", pod })
    }
    return pods
  }

  /** The kubelet starts: it finds its pods and folders, and goes on with each of them. */
  readonly start = (): void => {
    if (this.#up || this.#hasLeft) return
    this.#up = true
    for (const life of this.#lives.values()) {
      for (const { state } of life.volumes) state.reconstruct()
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
        yield* this.#each(life, ({ publish }) => publish)
        if (this.#isPending(pod)) {
          yield* Effect.raceFirst(this.#parts.onSandbox(pod), Deferred.await(life.deleted))
          if (this.#isPending(pod)) this.#startContainer(pod)
        }
        yield* Effect.raceFirst(
          this.#republish(life),
          this.#each(life, ({ measure }) => measure)
        )
      }
      yield* Effect.sleep(Duration.millis(this.#parts.dice.between(teardown / 4, teardown)))
      for (const volume of pod.volumes.values()) volume.held = Option.none()
      yield* this.#each(life, ({ unpublish }) => unpublish)
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
    this.restartContainer(pod)
    this.#parts.observe({ _tag: "PodStarted", pod })
  }

  /** Does the same with each volume of a pod at once; comes back when all of it is done. */
  #each(life: PodLife, act: (volume: VolumeKeeper) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.forEach(life.volumes, act, { concurrency: "unbounded", discard: true })
  }

  /** Publishes again at every look at the pod, until it is deleted. */
  #republish(life: PodLife): Effect.Effect<void> {
    if (!this.#parts.settings.requiresRepublish) return Deferred.await(life.deleted)
    const follow = Effect.fnUntraced({ self: this }, function* (this: SimKubelet, volume: VolumeKeeper) {
      while (yield* this.#nextSync(life)) {
        const next = life.sync
        yield* volume.publish
        if (life.sync !== next) life.news.miss()
      }
    })
    return Effect.raceFirst(this.#each(life, follow), this.#keepLooking(life))
  }

  /** Looks at a pod soon, and then again and again, or when there is something to find. */
  #keepLooking(life: PodLife): Effect.Effect<never> {
    const { dice, settings } = this.#parts
    const look = Effect.sync(() => {
      life.news.forget()
      const due = life.sync
      life.sync = Deferred.makeUnsafe()
      Deferred.doneUnsafe(due, Effect.void)
    })
    const later = Effect.suspend(() =>
      Effect.delay(look, Duration.times(settings.syncFrequency, dice.between(1, longestPause)))
    )
    const again = Effect.suspend(() => (this.#isSpared(life) ? Effect.andThen(life.news.next, later) : later))
    return Effect.andThen(Effect.delay(look, firstRepublish), Effect.forever(again))
  }

  /** True where unchanged republishes need not be played. A fresh token in each call is a change. */
  #isSpared({ pod }: PodLife): boolean {
    const { contextOf, settings } = this.#parts
    const carriesMore = [...pod.volumes.values()].some((volume) => Object.keys(contextOf(volume)).length > 0)
    return settings.unchangedRepublishes === "count" && !carriesMore
  }

  /** Waits for the next look at a pod; false where it was deleted before. */
  #nextSync({ deleted, sync }: PodLife): Effect.Effect<boolean> {
    return Effect.raceFirst(Effect.as(Deferred.await(deleted), false), Effect.as(Deferred.await(sync), true))
  }
}
