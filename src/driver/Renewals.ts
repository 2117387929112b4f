/**
 * The lives of the volumes: one fiber per volume that sleeps until its certificate is due, renews it, and sleeps again.
 * A node with a thousand idle volumes does nothing at all. The pause after a failure depends on its temper (`Backoff`),
 * and the pod keeps its old files; waiting for an approval is not a failure. A publish that needs files joins the
 * running attempt or begins one.
 */
import { Context, DateTime, Deferred, Duration, Effect, FiberMap, Layer, Option, Random, Ref, Tracer } from "effect"
import { RequestError } from "../issuance/CertificateRequests.ts"
import { leastInterval, lifeLeft, renewalTime } from "../issuance/RenewalTime.ts"
import type { Pods } from "../kube/Pods.ts"
import { spokenDuration } from "../spec/spokenDuration.ts"
import { VolumeError } from "../volume/VolumeFS.ts"
import type { IssuedRecord } from "../volume/VolumeRecord.ts"
import { pauseAfter, urgent } from "./Backoff.ts"
import { type RenewError, Unpublished } from "./DriverError.ts"
import type { DriverServices } from "./DriverServices.ts"
import { followTrust } from "./followTrust.ts"
import { awaitRenamed } from "./prerequisites.ts"
import { Refusals } from "./Refusals.ts"
import { deleteOthers, renew } from "./renew.ts"
import { tellFailure } from "./tell.ts"
import { type Attempt, podOf, type Volume } from "./Volume.ts"

/**
 * How often a sleeping volume looks at the wall clock: a suspended machine or a corrected clock is noticed after this
 * time, or after a tenth of what is left of the certificate, so that a short correction does not cost a short
 * certificate.
 */
const longestSleep = Duration.hours(1)
const shortestSleep = Duration.seconds(1)
/** Certificates that came due while certlet was away are renewed within this time, not all at once. */
const overdueSpread = Duration.seconds(30)

/**
 * The renewals of this node.
 *
 * Laws: a volume has at most one fiber; `keep` renews when the record says and not before; `fill` joins a running
 * attempt and begins one otherwise; `renewNow` does the same and cuts every pause short, `fill` only one that a server
 * has made long, and none that follows a refusal that will repeat; after `stop` the volume's fiber is gone and whoever
 * waited gets `Unpublished`.
 */
export class Renewals extends Context.Service<
  Renewals,
  {
    /** Keeps a volume that has its files, unless it is kept: the next renewal is due when its record says. */
    readonly keep: (volume: Volume) => Effect.Effect<void>
    /** Fills a volume that lacks its files, at once. The attempt can be awaited or left alone. */
    readonly fill: (volume: Volume) => Effect.Effect<Attempt>
    /** Renews a volume now, whenever it is due and however long it pauses. The attempt can be awaited. */
    readonly renewNow: (volume: Volume) => Effect.Effect<Attempt>
    /** Ends the volume's fiber. */
    readonly stop: (volume: Volume) => Effect.Effect<void>
  }
>()("certlet/driver/Renewals") {
  static readonly layer = Layer.effect(
    Renewals,
    Effect.gen(function* () {
      const fibers = yield* FiberMap.make<string>()
      const services = yield* Effect.context<DriverServices | Refusals>()
      const refusals = yield* Refusals
      // A life takes the trace of the call that begins it and nothing else: it would hold it as long as its volume.
      const start = Effect.fnUntraced(function* (volume: Volume, due: Effect.Effect<void, never, Pods>) {
        const span = yield* Effect.serviceOption(Tracer.ParentSpan)
        const taken = Option.isNone(span) ? services : Context.add(services, Tracer.ParentSpan, span.value)
        yield* FiberMap.run(fibers, volume.id, lives(volume, due)).pipe(
          Effect.updateContext((_: Context.Context<never>) => taken)
        )
      })
      const startNow = Effect.fnUntraced(function* (volume: Volume) {
        if (!(yield* Ref.get(volume.renewing))) yield* start(volume, Effect.void)
      })
      const renewNow = Effect.fnUntraced(function* (volume: Volume) {
        const running = yield* runningAttempt(volume)
        yield* Effect.logTrace(Option.isSome(running) ? "the attempt's pause is cut short" : "an attempt begins")
        const attempt = Option.isSome(running) ? running.value : yield* beginAttempt(volume)
        yield* startNow(volume)
        return attempt
      })
      return Renewals.of({
        keep: Effect.fnUntraced(function* (volume) {
          if (yield* FiberMap.has(fibers, volume.id)) return
          yield* markFilled(volume)
          yield* start(volume, untilDue(volume))
        }),
        fill: Effect.fnUntraced(function* (volume) {
          const held = yield* refusals.holding(volume.id)
          if (Option.isSome(held)) return yield* failedAttempt(held.value)
          const running = yield* runningAttempt(volume)
          if (Option.isNone(running) || (yield* pausesLong(volume))) return yield* renewNow(volume)
          return yield* Effect.as(Effect.logTrace("an attempt is under way, and is joined"), running.value)
        }),
        renewNow,
        stop: Effect.fnUntraced(function* (volume) {
          yield* FiberMap.remove(fibers, volume.id)
          // Hardly any volume goes while somebody waits for it, and an error costs its trace.
          const awaited = yield* runningAttempt(volume)
          if (Option.isSome(awaited)) yield* Deferred.fail(awaited.value, new Unpublished())
        })
      })
    })
  )
}

const beginAttempt = (volume: Volume): Effect.Effect<Attempt> =>
  Effect.tap(Deferred.make<void, RenewError | Unpublished>(), (attempt) =>
    Ref.set(volume.attempt, Option.some(attempt))
  )

/** An attempt that is not made. */
const failedAttempt = (error: RenewError): Effect.Effect<Attempt> =>
  Effect.tap(Deferred.make<void, RenewError | Unpublished>(), (attempt) => Deferred.fail(attempt, error))

/** Tells whoever waits for the volume's attempt how it ended. */
const endAttempt = (volume: Volume, outcome: Effect.Effect<void, RenewError | Unpublished>) =>
  Effect.flatMap(
    Ref.get(volume.attempt),
    Option.match({ onNone: () => Effect.void, onSome: (attempt) => Deferred.complete(attempt, outcome) })
  )

/** True in a pause that a server's Retry-After has made long: whoever publishes the volume cuts it short. */
const pausesLong = Effect.fnUntraced(function* (volume: Volume) {
  const failure = yield* Ref.get(volume.lastFailure)
  if (Option.isNone(failure) || (yield* Ref.get(volume.renewing))) return false
  return Duration.isGreaterThan(
    DateTime.distance(yield* DateTime.now, failure.value.nextTry),
    Duration.times(urgent.cap, 1.5)
  )
})

/** A volume that has its files: its attempt has succeeded already. */
const markFilled = (volume: Volume) => Effect.andThen(beginAttempt(volume), endAttempt(volume, Effect.void))

/** The attempt that is under way; none if the last one has ended. */
export const runningAttempt = Effect.fnUntraced(function* (volume: Volume) {
  const attempt = yield* Ref.get(volume.attempt)
  if (Option.isNone(attempt) || (yield* Deferred.isDone(attempt.value))) return Option.none()
  return attempt
})

/** A life that a defect ends begins again a minute later: nobody else begins it, and its attempt may be awaited. */
const lives = (volume: Volume, due: Effect.Effect<void, never, Pods>): ReturnType<typeof life> =>
  Effect.catchDefect(life(volume, due), (defect) =>
    toldOf(volume)(Effect.logError("a defect ended the renewals of a volume; they begin again", defect)).pipe(
      Effect.andThen(Effect.sleep("1 minute")),
      Effect.andThen(runningAttempt(volume)),
      Effect.flatMap((attempt) => lives(volume, Option.isSome(attempt) ? Effect.void : untilDue(volume)))
    )
  )

/** What a volume does until it is unpublished: it renews, and follows its trust bundle if it has one. */
const life = (volume: Volume, due: Effect.Effect<void, never, Pods>) =>
  alongside(
    renewals(volume, due),
    Option.map(volume.spec.trustBundle, () => toldOf(volume)(followTrust(volume)))
  )

/** A log line says whose it is. A volume that only sleeps is told of by nobody. */
const toldOf = (volume: Volume) => Effect.annotateLogs({ volumeId: volume.id, pod: podOf(volume) })

/** Runs a program together with another one, if there is one, until either ends: most volumes need a single fiber. */
const alongside = <R, S>(program: Effect.Effect<void, never, R>, other: Option.Option<Effect.Effect<void, never, S>>) =>
  Option.match(other, {
    onNone: (): Effect.Effect<void, never, R | S> => program,
    onSome: (other) => Effect.raceFirst(program, other)
  })

const renewals = Effect.fnUntraced(function* (volume: Volume, due: Effect.Effect<void, never, Pods>) {
  yield* due
  yield* renewUntilDone(volume)
  while (true) {
    yield* untilDue(volume)
    // The kubelet's call that began this life was answered long ago: each renewal is a trace of its own.
    yield* Effect.withSpan(renewUntilDone(volume), "driver.due", { root: true })
  }
})

/** The certificate is due when its time has come, or when its names are no longer the pod's. */
const untilDue = (volume: Volume) =>
  alongside(
    untilTime(volume),
    Option.liftPredicate(awaitRenamed(volume), () => volume.spec.follows.length > 0)
  )

/** Sleeps until the record's `renewAt`. If that has passed, renewals are spread over half a minute at most. */
const untilTime = Effect.fnUntraced(function* (volume: Volume) {
  const { issued } = yield* Ref.get(volume.record)
  const overdue = Option.exists(issued, ({ notAfter, renewAt }) => DateTime.isLessThanOrEqualTo(notAfter, renewAt))
  if (overdue) return yield* untilItsOwnTime(volume)
  const left = (yield* remainingUntil(volume, "renewAt")).pipe(Option.getOrElse(() => Duration.zero))
  yield* Effect.logTrace(`the next certificate is due in ${spokenDuration(left)}`)
  if (Duration.isLessThanOrEqualTo(left, Duration.zero)) return yield* spread(volume)
  yield* sleepUntil(volume, ({ renewAt }) => renewAt)
})

/**
 * A renewal is due after the certificate's expiry where hardly any life was left at its issue: the shortest interval
 * comes first. After it the certificate's own times count, because a wrong clock may have been corrected meanwhile.
 */
const untilItsOwnTime = (volume: Volume) =>
  Effect.andThen(
    Effect.sleep(leastInterval(Duration.zero)),
    sleepUntil(volume, (held) => renewalTime(held, volume.spec.renewBefore, 0, held.notBefore))
  )

/** Sleeps until an instant of what the volume holds, and looks at the clock now and then. */
const sleepUntil = Effect.fnUntraced(function* (volume: Volume, instant: (held: IssuedRecord) => DateTime.Utc) {
  while (true) {
    const now = yield* DateTime.now
    const { issued } = yield* Ref.get(volume.record)
    if (Option.isNone(issued)) return
    const left = DateTime.distance(now, instant(issued.value))
    if (Duration.isLessThanOrEqualTo(left, Duration.zero)) return
    // Never more than the whole life: a clock that is a day behind must not be believed for an hour.
    const look = Duration.millis(Math.ceil(Duration.toMillis(lifeLeft(issued.value, now)) / 10))
    yield* Effect.sleep(Duration.min(left, Duration.max(shortestSleep, Duration.min(longestSleep, look))))
  }
})

const spread = Effect.fnUntraced(function* (volume: Volume) {
  const remaining = (yield* remainingUntil(volume, "notAfter")).pipe(Option.getOrElse(() => Duration.zero))
  const most = Duration.min(overdueSpread, Duration.times(Duration.max(remaining, Duration.zero), 0.1))
  yield* Effect.sleep(Duration.times(most, yield* Random.next))
})

/** The signed time from now to an instant in the record; none if the volume was never filled. */
const remainingUntil = Effect.fnUntraced(function* (volume: Volume, instant: "renewAt" | "notAfter") {
  const now = yield* DateTime.now
  const { issued } = yield* Ref.get(volume.record)
  return Option.map(issued, (held) => DateTime.distance(now, held[instant]))
})

/** Renews until the volume has its next certificate. */
const renewUntilDone = Effect.fnUntraced(
  function* (volume: Volume) {
    // Whoever cuts a pause short does not begin again with the short pauses of a first failure.
    const before = Option.match(yield* Ref.get(volume.lastFailure), {
      onNone: () => 0,
      onSome: ({ failures }) => failures
    })
    for (let failures = before + 1; ; failures++) {
      const failure = yield* Effect.flip(renewing(volume)).pipe(Effect.option)
      if (Option.isNone(failure)) break
      yield* pause(volume, failure.value, failures)
    }
    yield* Ref.set(volume.lastFailure, Option.none())
    yield* Effect.flatMap(Refusals, (refusals) => refusals.forget(volume.id))
    yield* endAttempt(volume, Effect.void)
    yield* deleteOthers(volume)
  },
  (program, volume) => toldOf(volume)(program)
)

const renewing = (volume: Volume) =>
  Effect.acquireUseRelease(
    Ref.set(volume.renewing, true),
    () => renew(volume),
    () => Ref.set(volume.renewing, false)
  )

/** Records and tells a failure, and sleeps until the next attempt. */
const pause = Effect.fnUntraced(function* (volume: Volume, error: RenewError, failures: number) {
  const remaining = Option.filter(yield* remainingUntil(volume, "notAfter"), Duration.isPositive)
  const refusals = yield* Refusals
  const repeats = (yield* refusals.count(error)) - 1
  const temper = repeats > 0 ? ("repeated" as const) : isUnmounted(error) ? ("waiting" as const) : error.temper
  const setback = { temper, failures: repeats > 0 ? repeats : failures, remaining, retryAfter: retryAfter(error) }
  const wait = pauseAfter(setback, yield* Random.next)
  const failed = Option.isNone((yield* Ref.get(volume.record)).issued) ? "no certificate yet" : "not renewed"
  yield* Effect.logWarning(`${failed}, next try in ${Math.ceil(Duration.toSeconds(wait))} s: ${error.message}`).pipe(
    Effect.annotateLogs({ temper: error.temper, failures })
  )
  const at = yield* DateTime.now
  const nextTry = DateTime.addDuration(at, wait)
  yield* Ref.set(volume.lastFailure, Option.some({ error, failures, at, nextTry }))
  if (repeats > 0) yield* refusals.hold(volume.id, nextTry)
  yield* tellFailure(volume, error, failures, wait)
  if (!worthWaitingFor(error)) yield* endAttempt(volume, Effect.fail(error))
  yield* Effect.sleep(wait)
})

/** True where the volume is not at its target any more: only the kubelet's next call mounts it again. */
const isUnmounted = ({ reason }: RenewError): boolean => reason instanceof VolumeError && reason.reason === "Foreign"

const retryAfter = ({ reason }: RenewError): Option.Option<Duration.Duration> =>
  reason instanceof RequestError && reason.retryAfterMillis !== undefined
    ? Option.some(Duration.millis(reason.retryAfterMillis))
    : Option.none()

/** Failures that pass, so a publish waits; any other failure is an answer that the pod's owner wants at once. */
const passing: ReadonlyArray<string> = ["Unavailable", "Throttled", "Unauthorized", "Conflict", "Gone"]

const worthWaitingFor = ({ reason }: RenewError): boolean =>
  reason.temper === "waiting" || (reason instanceof RequestError && passing.includes(reason.reason))
