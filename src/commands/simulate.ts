/**
 * The command `certlet simulate`. A node's process does not load the simulations: they are a file of their own with a
 * copy of Effect of its own, so what crosses is plain: an order, and the exit code that says how it ended.
 */
import { Effect, Option, Schema } from "effect"
import { command } from "./command.ts"
import { ExitCode } from "./ExitCode.ts"
import { logged } from "./report.ts"
import type { Order } from "./simulate/Order.ts"
import { meaninglessIn, orderOf, simulateFlags } from "./simulate/simulateFlags.ts"

/** The simulations cannot be run. */
class SimulateError extends Schema.TaggedError<SimulateError>()("SimulateError", { detail: Schema.String }) {
  override get message(): string {
    return `cannot simulate (certlet-simulate.mjs must lie in the folder of certlet.mjs): ${this.detail}`
  }
}

const carryOut = (order: Order) =>
  Effect.tryPromise({
    try: (signal) => import("./simulate/simulateOrder.ts").then(({ simulateOrder }) => simulateOrder(order, signal)),
    catch: (cause) => new SimulateError({ detail: String(cause) })
  }).pipe(Effect.flatMap((code) => (code === 0 ? Effect.void : Effect.fail(new ExitCode({ code })))))

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
