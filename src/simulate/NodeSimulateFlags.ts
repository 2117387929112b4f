/**
 * The command line of `certlet simulate`. With `--report` it is a fleet, without it stories: some knobs are for both, some for
 * one, and a knob that is given where it has no meaning is refused in a sentence that names it. What comes out is one order
 * with every knob in effect, so that it can be printed whole before anything begins.
 */
import { Duration, Effect, Option, Result } from "effect"
import { Argument, CliError, type Command, Flag } from "effect/cli"
import * as Rules from "../FlagRules.ts"
import type { FleetOrder } from "./Order.ts"

const ruled = <A>(name: string, rule: Rules.FlagRule<A>, description: string) =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.mapEffect((value) =>
      Effect.fromResult(
        Result.mapError(
          rule(value),
          (expected) => new CliError.InvalidValue({ option: name, value, expected, kind: "flag" })
        )
      )
    ),
    Flag.optional
  )

const duration = Rules.durationWithin(Duration.minutes(1), Duration.days(3650))

/** The flags of a fleet beside those that it shares with stories. */
const fleetFlags = {
  report: ruled("report", Rules.given, "simulate a fleet, and write its page to this file (HTML)"),
  nodes: ruled("nodes", Rules.wholeNumber(1, 100_000), "how many nodes (1000)"),
  pods: ruled("pods", Rules.wholeNumber(1, 1_000_000), "how many pods (30000)"),
  days: ruled("days", Rules.wholeNumber(1, 3650), "how many days (90)"),
  duration: ruled("duration", duration, "a fleet's certificates: the lifetime asked for (24h)"),
  renewBefore: ruled("renew-before", duration, "a fleet's certificates: when to renew (a third of the lifetime)"),
  rollout: ruled("rollout", duration, "a fleet's nodes are started within this time (1h)"),
  issuerRate: ruled(
    "issuer-rate",
    Rules.decimal(0.1, 10_000),
    "how many certificates a fleet's issuer signs a second (100)"
  ),
  outage: ruled("outage", duration, "how long a fleet's issuer is away (6h)"),
  outageDay: ruled("outage-day", Rules.decimal(0, 3650), "on which day it goes away (after a third of the days)"),
  outageKind: ruled(
    "outage-kind",
    Rules.oneOf(["stalls", "fails"]),
    "stalls: signs what waits when it is back; fails: refuses at once (stalls)"
  )
}

/** Everything that `certlet simulate` takes. */
export const simulateFlags = {
  seed: Argument.String("seed").pipe(
    Argument.withDescription("a whole number that decides everything; drawn and printed where none is given"),
    Argument.mapEffect((value) =>
      Effect.fromResult(
        Result.mapError(
          Rules.wholeNumber(0, 2 ** 32 - 1)(value),
          (expected) => new CliError.InvalidValue({ option: "seed", value, expected, kind: "argument" })
        )
      )
    ),
    Argument.optional
  ),
  ...fleetFlags
}

type Given = Command.Command.Config.Infer<typeof simulateFlags>

const anySeed = Effect.sync(() => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)

const fleetOrder = (given: Given, seed: number, report: string): FleetOrder => {
  const or = <A>(option: Option.Option<A>, otherwise: A): A => Option.getOrElse(option, () => otherwise)
  const seconds = (option: Option.Option<Duration.Duration>) => Option.map(option, Duration.toSeconds)
  const days = or(given.days, 90)
  return {
    kind: "fleet",
    seed,
    report,
    nodes: or(given.nodes, 1000),
    pods: or(given.pods, 30_000),
    days,
    durationSeconds: or(seconds(given.duration), 86_400),
    renewBeforeSeconds: Option.getOrUndefined(seconds(given.renewBefore)),
    rolloutSeconds: or(seconds(given.rollout), 3600),
    issuerRate: or(given.issuerRate, 100),
    outageDay: or(given.outageDay, Math.floor(days / 3)),
    outageSeconds: or(seconds(given.outage), 21_600),
    outageKind: or(given.outageKind, "stalls")
  }
}

/** What was given, as an order with every knob; a seed that was not given is drawn. */
export const orderOf = Effect.fnUntraced(function* (given: Given) {
  const seed = Option.isSome(given.seed) ? given.seed.value : yield* anySeed
  return fleetOrder(
    given,
    seed,
    Option.getOrElse(given.report, () => "fleet.html")
  )
})
