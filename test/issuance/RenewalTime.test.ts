import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Option } from "effect"
import * as fc from "fast-check"
import { jitterShare, lifetime, renewalTime, shortestInterval } from "../../src/issuance/RenewalTime.ts"

const at = (iso: string) => DateTime.makeUnsafe(iso)
const day = { notBefore: at("2026-01-01T00:00:00Z"), notAfter: at("2026-01-02T00:00:00Z") }

describe("renewalTime", () => {
  it("is a third of the lifetime before the end, where no wish is made", () => {
    expect(renewalTime(day, Option.none(), 0, day.notBefore)).toEqual(at("2026-01-01T16:00:00Z"))
  })

  it("is at the wish, where it can be kept", () => {
    const wish = Option.some(Duration.hours(2))
    expect(renewalTime(day, wish, 0, day.notBefore)).toEqual(at("2026-01-01T22:00:00Z"))
  })

  it.each([Duration.hours(24), Duration.hours(25)])(
    "ignores a wish that reaches back to the beginning (%s)",
    (wish) => {
      expect(renewalTime(day, Option.some(wish), 0, day.notBefore)).toEqual(at("2026-01-01T16:00:00Z"))
    }
  )

  it("looks at the lifetime that the certificate really has, not at now", () => {
    expect(renewalTime(day, Option.none(), 0, at("2026-01-01T10:00:00Z"))).toEqual(at("2026-01-01T16:00:00Z"))
  })

  it("never asks again at once, even for a certificate that is long over", () => {
    const now = at("2027-01-01T00:00:00Z")
    expect(renewalTime(day, Option.none(), 0, now)).toEqual(at("2027-01-01T00:01:00Z"))
  })

  it("leaves short certificates a tenth of their life, and five seconds at the least", () => {
    const brief = { notBefore: at("2026-01-01T00:00:00Z"), notAfter: at("2026-01-01T00:01:15Z") }
    expect(Duration.toMillis(shortestInterval(brief))).toBe(7500)
    const backwards = { notBefore: day.notAfter, notAfter: day.notBefore }
    expect(Duration.toMillis(shortestInterval(backwards))).toBe(5000)
  })

  it("for every certificate, wish and draw: inside the jitter's span, and never in a hot loop", () => {
    const instant = fc.integer({ min: 0, max: 4_000_000_000_000 })
    fc.assert(
      fc.property(
        instant,
        fc.integer({ min: 0, max: 10_000_000_000 }),
        fc.option(fc.integer({ min: 0, max: 20_000_000_000 })),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        instant,
        (start, length, wish, jitter, present) => {
          const validity = { notBefore: DateTime.makeUnsafe(start), notAfter: DateTime.makeUnsafe(start + length) }
          const now = DateTime.makeUnsafe(present)
          const renewBefore = Option.map(Option.fromNullishOr(wish), Duration.millis)
          const due = DateTime.toEpochMillis(renewalTime(validity, renewBefore, jitter, now))
          const base = DateTime.toEpochMillis(renewalTime(validity, renewBefore, 0, DateTime.makeUnsafe(0)))
          const earliest = present + Duration.toMillis(shortestInterval(validity))
          expect(due).toBeGreaterThanOrEqual(Math.floor(earliest))
          expect(due).toBeLessThanOrEqual(Math.max(base, earliest) + 1)
          const span = jitterShare * Duration.toMillis(lifetime(validity))
          expect(due).toBeGreaterThanOrEqual(Math.floor(Math.min(base, Math.max(base - span, 0))) - 1)
        }
      )
    )
  })
})
