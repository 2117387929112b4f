import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Option } from "effect"
import * as fc from "fast-check"
import { canKeep, jitterShare, leastInterval, lifeLeft, renewalTime } from "../../src/issuance/RenewalTime.ts"
import type { RenewBefore } from "../../src/spec/RenewBefore.ts"

const at = (iso: string) => DateTime.makeUnsafe(iso)
const day = { notBefore: at("2026-01-01T00:00:00Z"), notAfter: at("2026-01-02T00:00:00Z") }
const hours = (hours: number) => Option.some({ time: Duration.hours(hours) })

describe("renewalTime", () => {
  it("is a third of the life before the end, where no wish is made", () => {
    expect(renewalTime(day, Option.none(), 0, day.notBefore)).toEqual(at("2026-01-01T16:00:00Z"))
  })

  it("is at the wish, where it can be kept", () => {
    expect(renewalTime(day, hours(2), 0, day.notBefore)).toEqual(at("2026-01-01T22:00:00Z"))
    expect(renewalTime(day, Option.some({ percentage: 25 }), 0, day.notBefore)).toEqual(at("2026-01-01T18:00:00Z"))
  })

  it.each<[string, RenewBefore]>([
    ["longer than the life", { time: Duration.hours(25) }],
    ["all of it", { time: Duration.hours(24) }],
    ["all but a tenth", { time: Duration.hours(21.6) }],
    ["a percentage that leaves a tenth", { percentage: 90 }],
    ["none of it", { time: Duration.zero }]
  ])("ignores a wish that is %s", (_, wish) => {
    expect(renewalTime(day, Option.some(wish), 0, day.notBefore)).toEqual(at("2026-01-01T16:00:00Z"))
    expect(canKeep(wish, Duration.hours(24))).toBe(false)
  })

  it.each([Duration.zero, Duration.nanos(1n)])("is before the end where a pod wishes %s before it", (time) => {
    const years = { notBefore: day.notBefore, notAfter: at("2036-01-01T00:00:00Z") }
    expect(renewalTime(years, Option.some({ time }), 0, day.notBefore)).toEqual(at("2032-08-31T16:00:00Z"))
  })

  it("keeps a wish that leaves a little more than a tenth", () => {
    expect(renewalTime(day, hours(21.5), 0, day.notBefore)).toEqual(at("2026-01-01T02:30:00Z"))
  })

  it("goes by the life left at the moment of issue, however far back the certificate is dated", () => {
    const issued = at("2026-01-01T23:00:00Z")
    expect(renewalTime(day, Option.none(), 0, issued)).toEqual(at("2026-01-01T23:40:00Z"))
    expect(renewalTime(day, hours(1), 0, issued)).toEqual(at("2026-01-01T23:40:00Z"))
    const backdated = { ...day, notBefore: at("2025-12-31T23:59:30Z") }
    expect(renewalTime(backdated, hours(24), 0, day.notBefore)).toEqual(at("2026-01-01T16:00:00Z"))
  })

  it("counts no life before notBefore where the clock is behind", () => {
    const issued = at("2025-12-31T20:00:00Z")
    expect(lifeLeft(day, issued)).toEqual(Duration.days(1))
    expect(renewalTime(day, Option.none(), 0, issued)).toEqual(at("2026-01-01T16:00:00Z"))
  })

  it("never asks again at once, even for a certificate that has expired long ago", () => {
    const now = at("2027-01-01T00:00:00Z")
    expect(renewalTime(day, Option.none(), 0, now)).toEqual(at("2027-01-01T00:00:05Z"))
  })

  it("leaves a twentieth of the life between an issue and the next, and five seconds at the least", () => {
    expect(leastInterval(Duration.hours(1))).toEqual(Duration.minutes(3))
    expect(leastInterval(Duration.seconds(30))).toEqual(Duration.seconds(5))
  })

  it("for every certificate, wish and draw: inside the jitter's span, and never in a hot loop", () => {
    const instant = fc.integer({ min: 0, max: 4_000_000_000_000 })
    const wishes = fc.oneof(
      fc.integer({ min: 0, max: 20_000_000_000 }).map((millis): RenewBefore => ({ time: Duration.millis(millis) })),
      fc.integer({ min: 1, max: 99 }).map((percentage): RenewBefore => ({ percentage }))
    )
    fc.assert(
      fc.property(
        instant,
        fc.integer({ min: 0, max: 10_000_000_000 }),
        fc.option(wishes),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        instant,
        (start, length, wish, jitter, present) => {
          const validity = { notBefore: DateTime.makeUnsafe(start), notAfter: DateTime.makeUnsafe(start + length) }
          const now = DateTime.makeUnsafe(present)
          const renewBefore = Option.fromNullishOr(wish)
          const left = lifeLeft(validity, now)
          const due = DateTime.toEpochMillis(renewalTime(validity, renewBefore, jitter, now))
          const latest = DateTime.toEpochMillis(renewalTime(validity, renewBefore, 0, now))
          expect(due).toBeGreaterThanOrEqual(Math.floor(present + Duration.toMillis(leastInterval(left))))
          expect(due).toBeLessThanOrEqual(latest)
          expect(due).toBeGreaterThanOrEqual(Math.floor(latest - jitterShare * Duration.toMillis(left)) - 1)
          if (Duration.toSeconds(left) > 10) expect(due).toBeLessThan(start + length)
        }
      )
    )
  })
})
