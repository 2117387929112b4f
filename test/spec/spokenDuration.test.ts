import { describe, expect, it } from "@effect/vitest"
import { Duration } from "effect"
import { spokenDuration } from "../../src/spec/spokenDuration.ts"

describe("a span of time, as people say it,", () => {
  it.each([
    ["26 hours", "1d 2h"],
    ["90 minutes", "1h 30m"],
    ["3661 seconds", "1h 1m"],
    ["40400 millis", "40s"],
    ["1 millis", "0s"]
  ] as const)("of %s is %s", (span, spoken) => {
    expect(spokenDuration(Duration.fromInputUnsafe(span))).toBe(spoken)
  })

  it("is never negative", () => {
    expect(spokenDuration(Duration.seconds(-5))).toBe("0s")
  })
})
