import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Faults, invariant, SimCluster } from "../../../src/testing/index.ts"
import { simulationBegins } from "../../../src/testing/parts/ClusterParts.ts"

describe("what a trace shows of a fault", () => {
  const told = Effect.fnUntraced(function* (hours: number) {
    const patience = invariant("patience", "Nothing lasts.", ({ at }) =>
      at - simulationBegins > hours * 3_600_000 ? "it has lasted" : undefined
    )
    const cluster = yield* SimCluster.make({ seed: 3, invariants: [patience], faults: Faults.none })
    yield* cluster.schedule({ name: "web", duration: "24 hours" })
    const broken = yield* Effect.flip(cluster.advance(`${hours + 1} hours`))
    return broken.message.split("\n")
  }, Effect.scoped)

  it.effect("publishes that went well are one line, and the first request stands before them", () =>
    Effect.gen(function* () {
      const lines = yield* told(5)
      const folded = lines.findIndex((line) => / kubelet +\d+ more publishes, all well$/.test(line))
      expect(folded).toBeGreaterThan(0)
      const created = lines.findIndex((line) => /request [0-9a-f]{8}… of apps\/web is created$/.test(line))
      expect(created).toBeGreaterThan(0)
      expect(created).toBeLessThan(folded)
      expect(lines.filter((line) => /kubelet +publish apps\/web/.test(line)).length).toBeLessThan(3)
    })
  )
})
