/**
 * When a certificate is to be renewed. Pure: from the certificate's real validity, the pod's wish, a draw of jitter and
 * the time now to an instant. The wish counts where it can be kept; a third of the lifetime before the end counts
 * otherwise, as with cert-manager's csi-driver. The jitter only ever moves a renewal forward, so that a node's pods do
 * not renew in one herd and nobody's wish is overstepped.
 */
import { DateTime, Duration, Option } from "effect"

/** A certificate's validity (RFC 5280, 4.1.2.5). */
export interface Validity {
  readonly notBefore: DateTime.Utc
  readonly notAfter: DateTime.Utc
}

/** How much of the time before the renewal the jitter may take away: a tenth. */
export const jitterShare = 0.1

/**
 * No renewal comes sooner than this after the last one, whatever dates an issuer writes or a clock shows: a minute, or
 * a tenth of the lifetime where that is shorter, but five seconds at least. It is what stands between a confused issuer
 * and a hot loop.
 */
export const shortestInterval = (validity: Validity): Duration.Duration =>
  Duration.min(Duration.minutes(1), Duration.max(Duration.seconds(5), Duration.times(lifetime(validity), 0.1)))

/** The whole length of a certificate's validity; zero where its dates are the wrong way round. */
export const lifetime = (validity: Validity): Duration.Duration =>
  Duration.max(Duration.zero, DateTime.distance(validity.notBefore, validity.notAfter))

/**
 * When the next certificate is due. `jitter` is a draw from [0, 1).
 *
 * The base is notAfter minus `renewBefore`, or minus a third of the lifetime where no wish is made or the wish reaches
 * back to notBefore; the result lies between the base less a tenth and the base, and never before `now` plus
 * `shortestInterval`.
 */
export const renewalTime = (
  validity: Validity,
  renewBefore: Option.Option<Duration.Duration>,
  jitter: number,
  now: DateTime.Utc
): DateTime.Utc => {
  const third = Duration.times(lifetime(validity), 1 / 3)
  const before = Option.getOrElse(
    Option.filter(renewBefore, (wish) => Duration.isLessThan(wish, lifetime(validity))),
    () => third
  )
  const base = DateTime.subtractDuration(validity.notAfter, before)
  const span = Duration.max(Duration.zero, DateTime.distance(validity.notBefore, base))
  const due = DateTime.subtractDuration(base, Duration.times(span, jitterShare * jitter))
  return DateTime.max(due, DateTime.addDuration(now, shortestInterval(validity)))
}
