import { Duration } from "effect"
import { expect, it } from "vitest"
import { lifetimeFor } from "../../../src/commands/demo/lifetimeFor.ts"

it.each([
  [400, 12],
  [3000, 12],
  [5000, 20],
  [7001, 29],
  [60_000, 120]
])("after a start of %i ms the demo's certificates live %i s", (start, seconds) => {
  expect(Duration.toSeconds(lifetimeFor(Duration.millis(start)))).toBe(seconds)
})
