/**
 * What a simulated kubelet does with one volume of one pod: publish and unpublish it, each repeated with the kubelet's
 * backoff until it succeeds, and ask how it is. One operation at a time; an answer changes what the kubelet takes the
 * volume for.
 */
import { DateTime, Deferred, Duration, Effect, Option } from "effect"
import type { Calls } from "../../csi/Kubelet.ts"
import { Status } from "../../csi/Status.ts"
import { ActualState } from "./ActualState.ts"
import type { KubeletParts } from "./KubeletParts.ts"
import { publishCallOf, type SimPodVolume } from "./SimPod.ts"
import type { SimProcess } from "./SimProcess.ts"

/**
 * A failed operation is repeated after 0.5, 1, 2, 4 s ... (seen); the cap of 2 min 2 s is exponentialbackoff's in
 * Kubernetes.
 */
const backoff = { first: 500, most: 122_000 } as const
/** The deadline of NodePublishVolume and NodeUnpublishVolume (seen: `csiTimeout`, 2 min). */
const patience = Duration.minutes(2)
const unregistered = new Status({ code: "UNAVAILABLE", sentence: "no plugin is registered (connection refused)" })
const outOfTime = new Status({ code: "DEADLINE_EXCEEDED", sentence: "context deadline exceeded" })

/** One try; what it failed with, if it did. */
type Operation = (attempt: number) => Effect.Effect<Option.Option<Status>>

/** The keeper of one volume. */
export class VolumeKeeper {
  readonly state = new ActualState()
  readonly #parts: KubeletParts
  readonly #volume: SimPodVolume
  readonly #deleted: Deferred.Deferred<void>

  /** `deleted` is done when the volume's pod is deleted. */
  constructor(parts: KubeletParts, volume: SimPodVolume, deleted: Deferred.Deferred<void>) {
    this.#parts = parts
    this.#volume = volume
    this.#deleted = deleted
  }

  /** Asks how a volume is, again and again; what it hears is nobody's business here. */
  readonly measure: Effect.Effect<never> = Effect.suspend(() => {
    const { plugin, settings } = this.#parts
    const { target, volumeId } = this.#volume
    if (Duration.isZero(settings.statsFrequency)) return Effect.never
    const inspect = ({ inspect }: Calls) => inspect(volumeId, Option.some(target))
    const ask = Effect.suspend(() => plugin()?.call(inspect) ?? Effect.void)
    const patient = Effect.timeoutOption(Effect.ignore(ask), patience)
    return Effect.forever(Effect.delay(patient, settings.statsFrequency))
  })

  /** Publishes a volume until that succeeds, or its pod is deleted. */
  readonly publish: Effect.Effect<void> = Effect.suspend(() => this.#repeat(this.#publishOnce, true))

  /** Unpublishes a volume until that succeeds, where the kubelet takes it for mounted. */
  readonly unpublish: Effect.Effect<void> = Effect.suspend(() =>
    this.state.isOwed ? this.#repeat(this.#unpublishOnce, false) : Effect.void
  )

  /**
   * Repeats an operation with the kubelet's backoff until it succeeds; with `untilDeleted`, a deletion ends it between
   * tries.
   */
  #repeat(operation: Operation, untilDeleted: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* (this: VolumeKeeper) {
      for (let attempt = 1; !(untilDeleted && Deferred.isDoneUnsafe(this.#deleted)); attempt++) {
        const failure = yield* operation(attempt)
        if (Option.isNone(failure)) return
        const pause = Duration.millis(Math.min(backoff.most, backoff.first * 2 ** Math.min(attempt - 1, 10)))
        yield* untilDeleted ? Effect.timeoutOption(Deferred.await(this.#deleted), pause) : Effect.sleep(pause)
      }
    })
  }

  readonly #publishOnce: Operation = (attempt) => {
    const volume = this.#volume
    const plugin = this.#parts.plugin()
    this.#parts.observe({ _tag: "PublishCalled", volume, attempt })
    if (plugin !== undefined) {
      this.#parts.makeFolder(volume.target)
      this.state.note()
    }
    const deadline =
      plugin === undefined
        ? Option.none<DateTime.Utc>()
        : Option.some(DateTime.makeUnsafe(plugin.deadline(this.#parts.now(), patience)))
    return this.#call("PublishAnswered", plugin, (calls) =>
      calls.publish({ ...publishCallOf(volume, this.#parts.contextOf(volume)), deadline })
    ).pipe(
      Effect.tap((failure) =>
        Effect.sync(() => {
          // Where no call was made, nothing is known that was not known before.
          if (plugin !== undefined && this.state.answered(failure)) this.#removeFolder()
        })
      )
    )
  }

  #removeFolder(): void {
    if (this.#parts.volumeAt(this.#volume.target) !== undefined) return
    this.#parts.removeFolder(this.#volume.target)
    this.state.forget()
  }

  readonly #unpublishOnce: Operation = (attempt) => {
    const volume = this.#volume
    this.#parts.observe({ _tag: "UnpublishCalled", volume, attempt })
    const { target, volumeId } = volume
    const call = this.#call("UnpublishAnswered", this.#parts.plugin(), (calls) => calls.unpublish({ volumeId, target }))
    const removed = Effect.sync(() => this.#removeFolder())
    return Effect.tap(call, (failure) => (Option.isNone(failure) ? removed : Effect.void))
  }

  #call(
    answer: "PublishAnswered" | "UnpublishAnswered",
    plugin: SimProcess | undefined,
    method: (calls: Calls) => Effect.Effect<void, Status>
  ): Effect.Effect<Option.Option<Status>> {
    return (plugin === undefined ? Effect.fail(unregistered) : plugin.call(method)).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(outOfTime) }),
      Effect.match({ onFailure: (status) => Option.some(status), onSuccess: () => Option.none<Status>() }),
      Effect.tap((failure) =>
        Effect.sync(() =>
          this.#parts.observe({ _tag: answer, volume: this.#volume, failure: Option.getOrUndefined(failure) })
        )
      )
    )
  }
}
