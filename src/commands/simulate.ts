/**
 * The command `certlet simulate`. The simulations are a part apart: an order goes in, and the exit code that says how
 * it ended comes out.
 */
import { Effect, Option } from "effect"
import { command } from "./command.ts"
import { endWith } from "./ExitCode.ts"
import { partApart } from "./partApart.ts"
import { logged } from "./report.ts"
import type { Order } from "./simulate/Order.ts"
import { meaninglessIn, orderOf, simulateFlags } from "./simulate/simulateFlags.ts"

const carryOut = (order: Order) =>
  Effect.flatMap(
    partApart(
      { does: "simulate", file: "certlet-simulate.mjs" },
      () => import("./simulate/simulateOrder.ts"),
      ({ simulateOrder }, signal) => simulateOrder(order, signal)
    ),
    endWith
  )

/** `certlet simulate`. */
export const simulate = command("simulate", {
  description: "Simulates clusters: stories under faults, judged; with --report a fleet over months",
  examples: [
    { description: "A thousand stories, judged", command: "certlet simulate 42 --seeds 1000" },
    { description: "One story again, event by event", command: "certlet simulate 42 --trace" },
    {
      description: "A fleet over three months, as a page",
      command: "certlet simulate --report fleet.html --pods 30000"
    }
  ],
  flags: simulateFlags,
  mistakesAmong: (given) => Effect.succeed(meaninglessIn(given)),
  does: (given) =>
    Effect.flatMap(orderOf(given), (order) => carryOut(order).pipe(logged({ level: 1, format: Option.none() })))
})
