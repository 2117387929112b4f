/**
 * A plan becomes two fleets, with and without jitter, run side by side through the same time from the same seed.
 * Between two stretches of time it lets others run and says how far it is, so that a terminal can show it and a signal
 * can end it.
 */
import { Effect, Random } from "effect"
import { Fleet, type FleetPlan, fleetStart } from "./Fleet.ts"
import { FleetRecord, stretches } from "./FleetRecord.ts"
import type { Fleets } from "./fleetPage.ts"

const dayMillis = 86_400_000

/** Runs the plan; `progress` gets the share that is done. */
export const runFleet = Effect.fnUntraced(function* (
  plan: Omit<FleetPlan, "jitter">,
  seed: number,
  progress: (share: number) => Effect.Effect<void>
) {
  const random = yield* Random.Random.pipe(Random.withSeed(seed))
  const draw = () => random.nextDoubleUnsafe()
  const make = (jitter: boolean) => {
    const record = new FleetRecord({ ...plan, jitter })
    return { plan: { ...plan, jitter }, record, fleet: new Fleet({ ...plan, jitter }, record, draw) }
  }
  const fleets: Fleets = { seed, jittered: make(true), plain: make(false) }
  for (let stretch = 1; stretch <= stretches; stretch++) {
    const until = fleetStart + (stretch / stretches) * plan.days * dayMillis
    fleets.jittered.fleet.advance(until)
    fleets.plain.fleet.advance(until)
    yield* progress(stretch / stretches)
    yield* Effect.yieldNow
  }
  return fleets
})
