import { describe, expect, it } from "@effect/vitest"
import { Duration, Option } from "effect"
import * as fc from "fast-check"
import { patient, pauseAfter, refusal, type Setback, shortestPause, stalled, urgent } from "../../src/driver/Backoff.ts"

const pause = (
  temper: Setback["temper"],
  failures: number,
  remaining?: Duration.Duration,
  retryAfter?: Duration.Duration
) =>
  Duration.toMillis(
    pauseAfter(
      {
        temper,
        failures,
        remaining: Option.fromUndefinedOr(remaining),
        retryAfter: Option.fromUndefinedOr(retryAfter)
      },
      0.5
    )
  )
const tempers: ReadonlyArray<Setback["temper"]> = ["refused", "waiting", "transient", "defect", "repeated"]

describe("pauseAfter", () => {
  it("is short and doubles up to 15 s for a pod without a certificate", () => {
    expect([1, 2, 3, 4, 5, 6, 7].map((failures) => pause("transient", failures))).toEqual([
      500, 1000, 2000, 4000, 8000, 15_000, 15_000
    ])
  })

  it("is 30 s and doubles up to 5 min for a renewal with time to spare", () => {
    const left = Duration.days(20)
    expect([1, 2, 3, 4, 5].map((failures) => pause("transient", failures, left))).toEqual([
      30_000, 60_000, 120_000, 240_000, 300_000
    ])
  })

  it("is stretched or shrunk by half at the most, so that what failed together does not come back together", () => {
    const drawn = (jitter: number) =>
      Duration.toMillis(
        pauseAfter({ temper: "transient", failures: 1, remaining: Option.none(), retryAfter: Option.none() }, jitter)
      )
    expect([drawn(0), drawn(0.5), drawn(0.9)]).toEqual([250, 500, 700])
  })

  it("shrinks as the end comes near", () => {
    expect(pause("transient", 9, Duration.minutes(10))).toBe(60_000)
    expect(pause("transient", 9, Duration.seconds(100))).toBe(10_000)
    expect(pause("transient", 9, Duration.seconds(2))).toBe(2000)
  })

  it("does not storm a policy that says no, however near the end is", () => {
    expect(pause("refused", 9, Duration.minutes(10))).toBe(60_000)
    expect(pause("refused", 9, Duration.seconds(20))).toBe(30_000)
  })

  it("stays at five minutes after a refusal where the pod holds no valid certificate", () => {
    expect(pause("refused", 9)).toBe(Duration.toMillis(refusal.base))
  })

  it("asks seldom after a refusal, and not at all sooner", () => {
    expect(pause("refused", 1)).toBe(Duration.toMillis(refusal.base))
    expect(pause("refused", 9, Duration.days(20))).toBe(Duration.toMillis(refusal.cap))
    expect(pause("defect", 1)).toBe(pause("refused", 1))
  })

  it("grows where the issuer gives the same useless answer again, with and without a valid certificate", () => {
    expect([1, 2, 3, 4, 5].map((failures) => pause("repeated", failures))).toEqual(
      [1, 2, 4, 5, 5].map((minutes) => minutes * 60_000)
    )
    expect(pause("repeated", 1)).toBe(Duration.toMillis(stalled.base))
    const left = Duration.days(20)
    expect([1, 2, 3, 4, 5].map((failures) => pause("repeated", failures, left))).toEqual(
      [5, 10, 20, 40, 60].map((minutes) => minutes * 60_000)
    )
    expect(pause("repeated", 9, Duration.seconds(20))).toBe(30_000)
  })

  it("is a minute and more where only the kubelet's next call brings what is missing", () => {
    expect([1, 2, 3, 4].map((failures) => pause("waiting", failures))).toEqual([60_000, 120_000, 240_000, 300_000])
    expect(pause("waiting", 1, Duration.days(20))).toBe(30_000)
    // The end of a certificate is no reason to hurry where nothing but a call of the kubelet's helps.
    expect(pause("waiting", 5, Duration.seconds(20))).toBe(30_000)
  })

  it("honours Retry-After", () => {
    expect(pause("transient", 1, undefined, Duration.seconds(42))).toBe(42_000)
  })

  it("honours Retry-After for a tenth of what is left of the certificate, and no longer", () => {
    expect(pause("transient", 1, Duration.seconds(40), Duration.seconds(60))).toBe(4000)
    expect(pause("transient", 1, Duration.hours(1), Duration.seconds(60))).toBe(60_000)
  })

  it("for every setback: between half and one and a half of its range, never below the shortest", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...tempers),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.option(fc.integer({ min: 1, max: 10_000_000_000 })),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (temper, failures, left, jitter) => {
          const remaining = Option.map(Option.fromNullishOr(left), Duration.millis)
          const drawn = Duration.toMillis(
            pauseAfter({ temper, failures, remaining, retryAfter: Option.none() }, jitter)
          )
          const widest = Math.max(...[urgent, patient, refusal].map((range) => Duration.toMillis(range.cap)))
          expect(drawn).toBeGreaterThanOrEqual(Duration.toMillis(shortestPause))
          expect(drawn).toBeLessThanOrEqual(1.5 * widest)
          if (left !== null) expect(drawn).toBeLessThanOrEqual(Math.max(1.5 * 30_000, 0.15 * left) + 1)
        }
      )
    )
  })
})
