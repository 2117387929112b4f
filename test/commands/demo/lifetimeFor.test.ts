import { Duration } from "effect"
import { expect, it } from "vitest"
import { lifetimeFor } from "../../../src/commands/demo/lifetimeFor.ts"

it.each([
  [400, 12],
  [3000, 24],
  [5000, 40],
  [7001, 57],
  [60_000, 240]
])("after a start of %i ms the demo's certificates live %i s", (start, seconds) => {
  expect(Duration.toSeconds(lifetimeFor(Duration.millis(start)))).toBe(seconds)
})
