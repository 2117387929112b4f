/**
 * How long to pause after a failure. Pure, and the only place where a schedule is chosen: by the failure's temper, by
 * how often it happened in a row, and by how much of the present certificate's life is left. A pod that has no
 * certificate yet is waiting, so its pauses are short; one that still holds a good certificate can afford patience,
 * which shrinks as the end comes near. Every pause is drawn with jitter, so that what failed together does not come
 * back together.
 */
import { Duration, Option } from "effect"
import type { Temper } from "../Temper.ts"

/** What is known when a pause is chosen. */
export interface Setback {
  /** The failure's temper; `repeated` where a fresh answer of the issuer was refused for the same reason as before. */
  readonly temper: Temper | "repeated"
  /** How many failures in a row, this one included: 1 for the first. Of repeated ones, how many repetitions. */
  readonly failures: number
  /** What is left of the certificate that the volume holds; none where it holds no valid one. */
  readonly remaining: Option.Option<Duration.Duration>
  /** The server's Retry-After. */
  readonly retryAfter: Option.Option<Duration.Duration>
}

/** No pause is shorter. */
export const shortestPause = Duration.millis(250)
/**
 * The pauses of a pod that waits for its first certificate, or whose certificate has run out: 0.5 s, doubling up to 15
 * s.
 */
export const urgent = { base: Duration.millis(500), cap: Duration.seconds(15) } as const
/** The pauses of a renewal (cert-manager's csi-driver's): 30 s, doubling up to 5 min. */
export const patient = { base: Duration.seconds(30), cap: Duration.minutes(5) } as const
/** A refusal is asked about again this seldom, so that a mended policy reaches a running pod without anybody's help. */
export const refusal = { base: Duration.minutes(5), cap: Duration.hours(1) } as const
/**
 * A pod without a valid certificate, where asking soon is of no use: its issuer gives the same useless answer again, or
 * the kubelet has to bring something first. 1 min, doubling up to 5 min.
 */
export const stalled = { base: Duration.minutes(1), cap: Duration.minutes(5) } as const
/**
 * However near the end is, no pause is cut shorter than this by it: a policy that says no is not stormed for the last
 * minute of a certificate, nor is the API server for a volume that waits for its kubelet, and a world that fails is
 * asked some ten times in it.
 */
const shortestBound = { settled: Duration.seconds(30), transient: Duration.seconds(2) } as const

const doubling = (range: { readonly base: Duration.Duration; readonly cap: Duration.Duration }, failures: number) =>
  Duration.min(range.cap, Duration.times(range.base, 2 ** Math.min(failures - 1, 20)))

const byTemper = (setback: Setback): Duration.Duration => {
  switch (setback.temper) {
    case "refused":
    case "defect":
      // Whoever holds no valid certificate has nothing that lasts until the longer pauses are over.
      return Option.isSome(setback.remaining) ? doubling(refusal, setback.failures) : refusal.base
    case "repeated":
      return doubling(Option.isSome(setback.remaining) ? refusal : stalled, setback.failures)
    // Only the kubelet's next call brings what is missing, and that one cuts the pause short.
    case "waiting":
      return doubling(Option.isSome(setback.remaining) ? patient : stalled, setback.failures)
    case "transient":
      return doubling(Option.isSome(setback.remaining) ? patient : urgent, setback.failures)
  }
}

/**
 * The pause after a failure: by temper, then stretched or shrunk by half at the most (`jitter` is a draw from [0, 1)).
 * It is not shorter than the server asked for, but neither that nor the temper takes more than a tenth of what is left
 * of the certificate.
 */
export const pauseAfter = (setback: Setback, jitter: number): Duration.Duration => {
  const floor = shortestBound[setback.temper === "transient" ? "transient" : "settled"]
  const bounded = (wanted: Duration.Duration) =>
    Option.match(setback.remaining, {
      onNone: () => wanted,
      onSome: (remaining) => Duration.min(wanted, Duration.max(floor, Duration.times(remaining, 0.1)))
    })
  const drawn = Duration.times(bounded(byTemper(setback)), 0.5 + jitter)
  const asked = bounded(Option.getOrElse(setback.retryAfter, () => Duration.zero))
  return Duration.max(shortestPause, Duration.max(drawn, asked))
}
