/**
 * When a certificate is to be renewed. Pure: from the certificate's end, the pod's wish, a draw of jitter and the
 * moment of issue to an instant. What counts is the life that is left at that moment, because issuers date certificates
 * back. A wish counts unless it means a renewal at once, within a tenth of that life or at its very end; else a third
 * of it is kept. The jitter only ever moves a renewal forward, so that a node's pods do not renew in one herd and
 * nobody's wish is overstepped.
 */
import { DateTime, Duration, Option } from "effect"
import type { RenewBefore } from "../spec/RenewBefore.ts"

/** A certificate's validity (RFC 5280, 4.1.2.5). */
export interface Validity {
  readonly notBefore: DateTime.Utc
  readonly notAfter: DateTime.Utc
}

/** How much of the time before the renewal the jitter may take away: a tenth. */
export const jitterShare = 0.1
/** A renewal that a pod wishes is not due before this share of the life that was left at the moment of issue. */
const soonest = 0.1
/** No renewal comes sooner than this after the last one, however short the issuer's answers are. */
const shortestInterval = Duration.seconds(5)

/** The whole length of a certificate's validity; zero where its dates are the wrong way round. */
export const lifetime = (validity: Validity): Duration.Duration =>
  Duration.max(Duration.zero, DateTime.distance(validity.notBefore, validity.notAfter))

/** What is left of a certificate's life at the moment of its issue. A clock that is behind adds nothing to it. */
export const lifeLeft = (validity: Validity, issued: DateTime.Utc): Duration.Duration =>
  lifetime({ notBefore: DateTime.max(validity.notBefore, issued), notAfter: validity.notAfter })

/**
 * How soon after its issue a certificate may be renewed at all: after a twentieth of its life, and five seconds at the
 * least. It is what stands between a confused issuer and a hot loop.
 */
export const leastInterval = (left: Duration.Duration): Duration.Duration =>
  Duration.max(shortestInterval, Duration.times(left, 0.05))

const asDuration = (wish: RenewBefore, left: Duration.Duration): Duration.Duration =>
  "percentage" in wish ? Duration.times(left, wish.percentage / 100) : wish.time

/** True where a wish keeps nothing: the renewal would be due when the certificate expires. */
export const keepsNothing = (wish: RenewBefore, left: Duration.Duration): boolean =>
  Duration.isLessThan(asDuration(wish, left), Duration.millis(1))

/** True where a wish can be kept for a certificate with so much life left. */
export const canKeep = (wish: RenewBefore, left: Duration.Duration): boolean =>
  !keepsNothing(wish, left) && Duration.isLessThan(asDuration(wish, left), Duration.times(left, 1 - soonest))

/**
 * When the next certificate is due, decided at the moment of issue. `jitter` is a draw from [0, 1).
 *
 * The base is notAfter less what the pod wishes, or less a third of the life left where it wishes nothing or what
 * cannot be kept; the result lies between the base less a tenth and the base, and never before the moment of issue plus
 * `leastInterval`.
 */
export const renewalTime = (
  validity: Validity,
  renewBefore: Option.Option<RenewBefore>,
  jitter: number,
  issued: DateTime.Utc
): DateTime.Utc => {
  const left = lifeLeft(validity, issued)
  const kept = Option.filter(renewBefore, (wish) => canKeep(wish, left))
  const before = Option.match(kept, {
    onNone: () => Duration.times(left, 1 / 3),
    onSome: (wish) => asDuration(wish, left)
  })
  const untilBase = Duration.subtract(left, before)
  const begun = DateTime.subtractDuration(validity.notAfter, left)
  // In whole milliseconds, which is what a record keeps.
  const due = DateTime.addDuration(begun, Math.floor(Duration.toMillis(untilBase) * (1 - jitterShare * jitter)))
  return DateTime.max(due, DateTime.addDuration(issued, leastInterval(left)))
}

/** True where a certificate expires before its renewal: it is shorter than `leastInterval`, or a clock is wrong. */
export const isTooShort = (held: { readonly notAfter: DateTime.Utc; readonly renewAt: DateTime.Utc }): boolean =>
  DateTime.isLessThanOrEqualTo(held.notAfter, held.renewAt)
