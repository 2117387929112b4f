import { describe, expect, it } from "@effect/vitest"
import { Duration, Option } from "effect"
import * as fc from "fast-check"
import { formatGoDuration, parseGoDuration } from "../../src/spec/GoDuration.ts"

const nanos = (text: string) => Option.getOrUndefined(Option.flatMap(parseGoDuration(text), Duration.toNanos))

describe("Go's durations", () => {
  it.each([
    ["0", 0n],
    ["1h30m", 5_400_000_000_000n],
    ["1.5h", 5_400_000_000_000n],
    [".5s", 500_000_000n],
    ["1.s", 1_000_000_000n],
    ["300ms", 300_000_000n],
    ["1us", 1000n],
    ["1µs", 1000n],
    ["-5s", -5_000_000_000n],
    ["+5s", 5_000_000_000n],
    ["1h1h", 7_200_000_000_000n],
    ["2562047h47m16.854775807s", 2n ** 63n - 1n]
  ])("%s", (text, expected) => {
    expect(nanos(text)).toBe(expected)
  })

  it.each(["", "5", "h", "1 h", "1d", "1H", "1e3s", "1.5.5h", "1h-1m", "9223372036854775808ns", ".s"])(
    "%j is no duration",
    (text) => {
      expect(nanos(text)).toBeUndefined()
    }
  )

  it.each([
    [Duration.hours(2160), "2160h0m0s"],
    [Duration.minutes(90), "1h30m0s"],
    [Duration.millis(1500), "1.5s"],
    [Duration.zero, "0s"]
  ])("%s is written as %s", (duration, text) => {
    expect(formatGoDuration(duration)).toBe(text)
  })

  it("reads what it writes", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (size) => {
        expect(nanos(formatGoDuration(Duration.nanos(size)))).toBe(size)
      })
    )
  })
})
