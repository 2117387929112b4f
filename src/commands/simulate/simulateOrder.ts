/**
 * `certlet simulate`: what was ordered is carried out, and the exit code says how it ended. It is a program's file of
 * its own (`certlet-simulate.mjs`), because a node's process should not carry what draws plots; so it runs its own
 * effects, and what goes in and comes out is plain. The same file is what each worker thread runs.
 */
import { Cause, Console, Effect } from "effect"
import { reportFleet } from "./NodeFleet.ts"
import { isSeedWorker, serveSeeds } from "./NodeSeedWorker.ts"
import { tellStories } from "./NodeStories.ts"
import type { Order } from "./Order.ts"

if (isSeedWorker) serveSeeds()

/**
 * Carries an order out. Resolves with the exit code. 0: it went well. 1: a crash, or it could not be done. 2: a story
 * broke liveness. 3: a story broke safety.
 */
export const simulateOrder = (order: Order, signal: AbortSignal): Promise<number> =>
  Effect.runPromise(
    (order.kind === "fleet" ? Effect.as(reportFleet(order), 0) : tellStories(order, import.meta.url)).pipe(
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => {
          const error = Cause.squash(cause)
          return Effect.as(Console.error(error instanceof Error ? error.message : String(error)), 1)
        }
      )
    ),
    { signal }
  )
