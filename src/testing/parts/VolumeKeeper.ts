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

/**
 * A failed operation is repeated after 0.5, 1, 2, 4 s ... (seen); the cap of 2 min 2 s is exponentialbackoff's in
 * Kubernetes.
 */
const backoff = { first: 500, most: 122_000 } as const
/** The deadline of NodePublishVolume and NodeUnpublishVolume (seen: `csiTimeout`, 2 min). */
const patience = Duration.minutes(2)
const unregistered = new Status({ code: "UNAVAILABLE", sentence: "no plugin is registered (connection refused)" })
const outOfTime = new Status({ code: "DEADLINE_EXCEEDED", sentence: "context deadline exceeded" })

/** As a kubelet words it; it makes no call then, and tries again. */
const withoutSecret = ({ pod, secret }: SimPodVolume) => {
  const name = Option.getOrElse(secret, () => "")
  const why = `failed to find the secret ${name} in the namespace ${pod.namespace}`
  const sentence = `fetching NodePublishSecretRef ${pod.namespace}/${name} failed: ${why}`
  return new Status({ code: "UNAVAILABLE", sentence })
}

type Answer = "PublishAnswered" | "UnpublishAnswered"

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
    this.#parts.observe({ _tag: "PublishCalled", volume, attempt })
    const plugin = this.#parts.plugin()
    const secrets = this.#parts.secretsOf(volume)
    // Where no call is made, nothing is known that was not known before.
    if (plugin === undefined) return this.#fail("PublishAnswered", unregistered)
    if (Option.isNone(secrets)) return this.#fail("PublishAnswered", withoutSecret(volume))
    this.#parts.makeFolder(volume.target)
    this.state.note()
    const context = this.#parts.contextOf(volume)
    const deadline = Option.some(DateTime.makeUnsafe(plugin.deadline(this.#parts.now(), patience)))
    const call = plugin.call(({ publish }) => publish({ ...publishCallOf(volume, context, secrets.value), deadline }))
    const answered = (failure: Option.Option<Status>) =>
      Effect.sync(() => {
        if (this.state.answered(failure)) this.#removeFolder()
      })
    return Effect.tap(this.#hear("PublishAnswered", call), answered)
  }

  #removeFolder(): void {
    if (this.#parts.volumeAt(this.#volume.target) !== undefined) return
    this.#parts.removeFolder(this.#volume.target)
    this.state.forget()
  }

  readonly #unpublishOnce: Operation = (attempt) => {
    const volume = this.#volume
    this.#parts.observe({ _tag: "UnpublishCalled", volume, attempt })
    const plugin = this.#parts.plugin()
    if (plugin === undefined) return this.#fail("UnpublishAnswered", unregistered)
    const { target, volumeId } = volume
    const call = plugin.call(({ unpublish }) => unpublish({ volumeId, target }))
    const removed = Effect.sync(() => this.#removeFolder())
    return Effect.tap(this.#hear("UnpublishAnswered", call), (failure) =>
      Option.isNone(failure) ? removed : Effect.void
    )
  }

  #fail(answer: Answer, status: Status): Effect.Effect<Option.Option<Status>> {
    return this.#hear(answer, Effect.fail(status))
  }

  /** Waits for an answer as long as a kubelet does, and tells it. */
  #hear(answer: Answer, call: Effect.Effect<void, Status>): Effect.Effect<Option.Option<Status>> {
    return call.pipe(
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
