/**
 * The lives of the volumes: one fiber per volume that sleeps until its certificate is due, renews it, and sleeps again. A
 * node with a thousand idle volumes does nothing at all. Failure pauses by its temper (`Backoff`), while the pod keeps its
 * old files; waiting for an approval is not failure and takes as long as it takes. A publish that needs files joins the
 * attempt that is running, or begins one.
 */
import { Context, DateTime, Deferred, Duration, Effect, FiberMap, Layer, Option, Random, Ref } from "effect"
import type { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { RequestError } from "../issuance/CertificateRequests.ts"
import type { KeyGenerator } from "../issuance/KeyGenerator.ts"
import { renewalTime, shortestInterval } from "../issuance/RenewalTime.ts"
import type { PodEvents } from "../kube/PodEvents.ts"
import type { Pods } from "../kube/Pods.ts"
import type { TrustBundles } from "../kube/TrustBundles.ts"
import type { Settings } from "../Settings.ts"
import type { Entropy } from "../volume/Entropy.ts"
import type { VolumeFS } from "../volume/VolumeFS.ts"
import type { IssuedRecord, VolumeRecords } from "../volume/VolumeRecord.ts"
import { pauseAfter } from "./Backoff.ts"
import { type RenewError, Unpublished } from "./DriverError.ts"
import { followTrust } from "./followTrust.ts"
import { awaitRenamed } from "./prerequisites.ts"
import { renew } from "./renew.ts"
import { tellFailure } from "./tell.ts"
import { type Attempt, podOf, type Volume } from "./Volume.ts"

/**
 * How often a sleeping volume looks at the wall clock: a suspended machine or a corrected clock is noticed this late, or after a
 * tenth of what is left of the certificate, so that a clock set right by minutes does not cost a certificate of minutes.
 */
const longestSleep = Duration.hours(1)
const shortestSleep = Duration.seconds(1)
/** Certificates that came due while nobody was there are renewed within this time, not all at once. */
const overdueSpread = Duration.seconds(30)

/**
 * The renewals of this node.
 *
 * Laws: a volume has at most one fiber; `keep` renews when the record says and not before; `fill` joins an attempt that is
 * running and begins one otherwise; `renewNow` does the same and cuts a pause short; after `stop` the volume's fiber is gone and
 * whoever waited is told `Unpublished`.
 */
export class Renewals extends Context.Service<
  Renewals,
  {
    /** Keeps a volume that holds its files: the next renewal is due when its record says. */
    readonly keep: (volume: Volume) => Effect.Effect<void>
    /** Fills a volume that lacks its files, at once. What comes back can be awaited, or left alone. */
    readonly fill: (volume: Volume) => Effect.Effect<Attempt>
    /** Renews a volume now, whenever it was due and however long it meant to pause. What comes back can be awaited. */
    readonly renewNow: (volume: Volume) => Effect.Effect<Attempt>
    /** Ends the volume's life. */
    readonly stop: (volume: Volume) => Effect.Effect<void>
  }
>()("certlet/driver/Renewals") {
  static readonly layer = Layer.effect(
    Renewals,
    Effect.gen(function* () {
      const fibers = yield* FiberMap.make<string>()
      const context = yield* Effect.context<Needs>()
      const live = (volume: Volume, due: Effect.Effect<void, never, Pods>) =>
        FiberMap.run(fibers, volume.id, Effect.provideContext(life(volume, due), context))
      const start = (volume: Volume) =>
        Effect.when(
          live(volume, Effect.void),
          Effect.map(atWork(volume), (_) => !_)
        )
      const renewNow = (volume: Volume) =>
        Effect.gen(function* () {
          const running = yield* runningAttempt(volume)
          const attempt = Option.isSome(running) ? running.value : yield* begin(volume)
          yield* start(volume)
          return attempt
        })
      return Renewals.of({
        keep: (volume) =>
          Effect.gen(function* () {
            const attempt = yield* begin(volume)
            yield* Deferred.succeed(attempt, undefined)
            yield* live(volume, untilDue(volume))
          }),
        fill: (volume) =>
          Effect.gen(function* () {
            const running = yield* runningAttempt(volume)
            return Option.isSome(running) ? running.value : yield* renewNow(volume)
          }),
        renewNow,
        stop: (volume) =>
          Effect.gen(function* () {
            yield* FiberMap.remove(fibers, volume.id)
            const attempt = yield* Ref.get(volume.attempt)
            if (Option.isSome(attempt)) yield* Deferred.fail(attempt.value, new Unpublished())
          })
      })
    })
  )
}

/** What the life of a volume needs. */
type Needs =
  | CertificateRequests
  | Entropy
  | KeyGenerator
  | PodEvents
  | Pods
  | Settings
  | TrustBundles
  | VolumeFS
  | VolumeRecords

const begin = (volume: Volume): Effect.Effect<Attempt> =>
  Effect.tap(Deferred.make<void, RenewError | Unpublished>(), (attempt) =>
    Ref.set(volume.attempt, Option.some(attempt))
  )

/** True while the volume's fiber is at a renewal, and not asleep. */
const atWork = (volume: Volume) => Ref.get(volume.renewing)

const runningAttempt = (volume: Volume) =>
  Effect.gen(function* () {
    const attempt = yield* Ref.get(volume.attempt)
    if (Option.isNone(attempt) || (yield* Deferred.isDone(attempt.value))) return Option.none()
    return attempt
  })

/** What a volume does until it is unpublished: its renewals, and beside them whatever its trust bundle does. */
const life = (volume: Volume, due: Effect.Effect<void, never, Pods>) =>
  beside(renewals(volume, due), Option.as(volume.spec.trustBundle, followTrust(volume))).pipe(
    Effect.annotateLogs({ volumeId: volume.id, pod: podOf(volume.spec) })
  )

/** Runs a program, and another beside it where there is one: most volumes live in a single fiber. */
const beside = <R, S>(program: Effect.Effect<void, never, R>, other: Option.Option<Effect.Effect<void, never, S>>) =>
  Option.match(other, {
    onNone: (): Effect.Effect<void, never, R | S> => program,
    onSome: (other) => Effect.raceFirst(program, other)
  })

const renewals = (volume: Volume, due: Effect.Effect<void, never, Pods>) =>
  Effect.gen(function* () {
    yield* due
    yield* renewUntilDone(volume)
    while (true) {
      yield* untilDue(volume)
      // The call of the kubelet that began this life has long been answered: each renewal is a trace of its own.
      yield* Effect.withSpan(renewUntilDone(volume), "driver.due", { root: true })
    }
  })

/** The certificate is due when its time has come, or when its names are no longer the pod's. */
const untilDue = (volume: Volume) =>
  beside(
    untilTime(volume),
    Option.liftPredicate(awaitRenamed(volume), () => volume.spec.follows.length > 0)
  )

/** Sleeps until the record's `renewAt`; one that has passed is drawn into the next half minute at most. */
const untilTime = (volume: Volume): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { issued } = yield* Ref.get(volume.record)
    if (issued !== undefined && DateTime.isLessThanOrEqualTo(issued.notAfter, issued.renewAt)) {
      return yield* untilItsOwnTime(volume, issued)
    }
    const left = (yield* remainingUntil(volume, "renewAt")).pipe(Option.getOrElse(() => Duration.zero))
    if (Duration.isLessThanOrEqualTo(left, Duration.zero)) return yield* spread(volume)
    yield* sleepUntil(volume, ({ renewAt }) => renewAt)
  })

/**
 * Only a clock that was wrong puts a renewal behind its certificate's end, by the shortest interval after an issue. That interval
 * is kept; but when it is over the certificate's own times count, because the clock may have been set right meanwhile.
 */
const untilItsOwnTime = (volume: Volume, issued: IssuedRecord) =>
  Effect.andThen(
    Effect.sleep(shortestInterval(issued)),
    sleepUntil(volume, (held) => renewalTime(held, volume.spec.renewBefore, 0, held.notBefore))
  )

/** Sleeps until an instant of what the volume holds, looking at the clock now and then. */
const sleepUntil = (volume: Volume, instant: (held: IssuedRecord) => DateTime.Utc): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (true) {
      const now = yield* DateTime.now
      const { issued } = yield* Ref.get(volume.record)
      const left = issued === undefined ? Duration.zero : DateTime.distance(now, instant(issued))
      if (issued === undefined || Duration.isLessThanOrEqualTo(left, Duration.zero)) return
      const remaining = Duration.times(DateTime.distance(now, issued.notAfter), 0.1)
      yield* Effect.sleep(Duration.min(left, Duration.max(shortestSleep, Duration.min(longestSleep, remaining))))
    }
  })

const spread = (volume: Volume) =>
  Effect.gen(function* () {
    const remaining = (yield* remainingUntil(volume, "notAfter")).pipe(Option.getOrElse(() => Duration.zero))
    const most = Duration.min(overdueSpread, Duration.times(Duration.max(remaining, Duration.zero), 0.1))
    yield* Effect.sleep(Duration.times(most, yield* Random.next))
  })

/** The signed time from now to an instant in the record; none where the volume was never filled. */
const remainingUntil = (volume: Volume, instant: "renewAt" | "notAfter") =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    const { issued } = yield* Ref.get(volume.record)
    return Option.map(Option.fromUndefinedOr(issued), (held) => DateTime.distance(now, held[instant]))
  })

/** Renews, again and again if need be, until the volume holds a fresh certificate. */
const renewUntilDone = (volume: Volume) =>
  Effect.gen(function* () {
    // Who has cut a pause short does not begin with the short pauses of a first failure.
    const before = Option.match(yield* Ref.get(volume.lastFailure), { onNone: () => 0, onSome: (_) => _.failures })
    for (let failures = before + 1; ; failures++) {
      const failure = yield* Effect.flip(working(volume)).pipe(Effect.option)
      if (Option.isNone(failure)) break
      yield* setBack(volume, failure.value, failures)
    }
    yield* Ref.set(volume.lastFailure, Option.none())
    yield* end(volume, Effect.void)
  })

const working = (volume: Volume) =>
  Effect.acquireUseRelease(
    Ref.set(volume.renewing, true),
    () => renew(volume),
    () => Ref.set(volume.renewing, false)
  )

/** Tells whoever waits for the volume's attempt how it has ended. */
const end = (volume: Volume, outcome: Effect.Effect<void, RenewError>) =>
  Effect.flatMap(
    Ref.get(volume.attempt),
    Option.match({ onNone: () => Effect.void, onSome: (attempt) => Deferred.complete(attempt, outcome) })
  )

const setBack = (volume: Volume, failure: RenewError, failures: number) =>
  Effect.gen(function* () {
    const remaining = Option.filter(yield* remainingUntil(volume, "notAfter"), Duration.isPositive)
    const { temper } = failure
    const pause = pauseAfter({ temper, failures, remaining, retryAfter: retryAfter(failure) }, yield* Random.next)
    yield* Effect.logWarning(
      `not renewed, next try in ${Math.ceil(Duration.toSeconds(pause))} s: ${failure.message}`
    ).pipe(Effect.annotateLogs({ temper, failures }))
    const at = yield* DateTime.now
    const nextTry = DateTime.addDuration(at, pause)
    yield* Ref.set(volume.lastFailure, Option.some({ error: failure, failures, at, nextTry }))
    yield* tellFailure(volume, failure, failures, pause)
    if (!worthWaitingFor(failure)) yield* end(volume, Effect.fail(failure))
    yield* Effect.sleep(pause)
  })

const retryAfter = ({ reason }: RenewError): Option.Option<Duration.Duration> =>
  reason instanceof RequestError && reason.retryAfterMillis !== undefined
    ? Option.some(Duration.millis(reason.retryAfterMillis))
    : Option.none()

/** What a publish sits out, because it passes; every other failure is an answer that a pod's owner wants at once. */
const passing: ReadonlyArray<string> = ["Unavailable", "Throttled", "Unauthorized", "Conflict", "Gone"]

const worthWaitingFor = ({ reason }: RenewError): boolean =>
  reason.temper === "waiting" || (reason instanceof RequestError && passing.includes(reason.reason))
