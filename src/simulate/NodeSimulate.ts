/**
 * `certlet simulate`: what was ordered is carried out, and the exit code says how it ended. It is a program's file of its own
 * (`certlet-simulate.mjs`), because a node's process should not carry what draws plots; so it runs its own effects, and what
 * goes in and comes out is plain.
 */
import { Effect } from "effect"
import { reportFleet } from "./NodeFleet.ts"
import type { FleetOrder } from "./Order.ts"

/** Carries an order out. Resolves with the exit code: 0 it went well, 1 it could not be done. */
export const simulate = (order: FleetOrder, signal: AbortSignal): Promise<number> =>
  Effect.runPromise(
    reportFleet(order).pipe(
      Effect.as(0),
      Effect.catch((error) => Effect.as(Effect.logFatal(error.message), 1))
    ),
    { signal }
  )
