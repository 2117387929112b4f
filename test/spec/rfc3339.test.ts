import { DateTime } from "effect"
import { expect, it } from "vitest"
import { rfc3339 } from "../../src/spec/rfc3339.ts"

it("a time is written to the second, and cut off rather than rounded", () => {
  expect(rfc3339(DateTime.makeUnsafe("2026-11-28T16:27:56.999Z"))).toBe("2026-11-28T16:27:56Z")
})
