/**
 * The command line of `certlet simulate`. With `--report` it is a fleet, without it stories: some knobs are for both,
 * some for one, and a knob that is given where it has no meaning is refused in a sentence that names it. What comes
 * out is one order with every knob in effect, so that it can be printed whole before anything begins.
 */
import { Duration, Effect, Option, Result } from "effect"
import { Argument, CliError, type Command, Flag } from "effect/cli"
import { nearestOf } from "../../spec/nearestOf.ts"
import { Faults } from "../../testing/levers/Faults.ts"
import * as Rules from "../FlagRules.ts"
import { argument, onOff, ruled } from "../Flags.ts"
import type { FleetOrder, Order, StoriesOrder } from "./Order.ts"

/** A flag that may be left out. */
const knob = <A>(name: string, rule: Rules.FlagRule<A>, description: string) =>
  Flag.optional(ruled(name, rule, description))

const duration = Rules.durationWithin(Duration.minutes(1), Duration.days(3650))

/** `none`, `swarm`, or names with commas between, each of them known. */
const faultsRule: Rules.FlagRule<string> = Rules.typed("names", (text) => {
  if (text === "none" || text === "swarm") return Result.succeed(text)
  const unknown = text.split(",").find((name) => !Faults.names.some((known) => known === name))
  if (unknown === undefined) return Result.succeed(text)
  const words = "none, swarm, or names of faults with commas between"
  if (unknown === "none" || unknown === "swarm") return Result.fail(`${words}; ${unknown} stands alone`)
  const nearest = nearestOf(unknown, ["none", "swarm", ...Faults.names])
  return Result.fail(`${words}; there is no ${JSON.stringify(unknown)}, the nearest is ${nearest}`)
})

const sharedFlags = {
  nodes: knob("nodes", Rules.wholeNumber(1, 100_000), "how many nodes (a fleet 1000; drawn for each story)"),
  pods: knob("pods", Rules.wholeNumber(1, 1_000_000), "how many pods (a fleet 30000; drawn for each story)"),
  days: knob("days", Rules.wholeNumber(1, 3650), "how many days (a fleet 90; drawn for each story)")
}

const storiesFlags = {
  seeds: knob("seeds", Rules.wholeNumber(1, 10_000_000), "how many stories: of the seed and those that follow it (1)"),
  jobs: knob("jobs", Rules.wholeNumber(1, 1024), "how many stories run at once (as many as there are processors)"),
  faults: knob(
    "faults",
    faultsRule,
    `what goes wrong in stories: none, swarm (a set that the seed draws), or names: ${Faults.names.join(", ")} (swarm)`
  ),
  trace: onOff("trace", "print every event of a single story"),
  html: knob("html", Rules.nonEmpty, "draw a single story, as a page in this file (HTML)")
}

const fleetFlags = {
  duration: knob("duration", duration, "a fleet's certificates: the lifetime asked for (24h)"),
  renewBefore: knob("renew-before", duration, "a fleet's certificates: when to renew (a third of the lifetime)"),
  rollout: knob("rollout", duration, "a fleet's nodes are started within this time (1h)"),
  issuerRate: knob(
    "issuer-rate",
    Rules.decimal(0.1, 10_000),
    "how many certificates a fleet's issuer signs a second (100)"
  ),
  outage: knob("outage", duration, "how long a fleet's issuer is away (6h)"),
  outageDay: knob("outage-day", Rules.decimal(0, 3650), "on which day it goes away (after a third of the days)"),
  outageKind: knob(
    "outage-kind",
    Rules.oneOf(["stalls", "fails"]),
    "stalls: signs what waits when it is back; fails: refuses at once (stalls)"
  )
}

/** Everything that `certlet simulate` takes. */
export const simulateFlags = {
  seed: argument(
    "seed",
    Rules.wholeNumber(0, 2 ** 32 - 1),
    "a whole number that decides everything; drawn and printed where none is given"
  ).pipe(Argument.optional),
  report: knob("report", Rules.nonEmpty, "simulate a fleet, and write its page to this file (HTML)"),
  ...sharedFlags,
  ...storiesFlags,
  ...fleetFlags
}

type Given = Command.Command.Config.Infer<typeof simulateFlags>

const refuse = (message: string) => new CliError.ValidationError({ message })

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Which of the given flags mean nothing in what was ordered. */
export const meaninglessIn = (given: Given): ReadonlyArray<CliError.ValidationError> => {
  const isFleet = Option.isSome(given.report)
  const isGiven = (name: string): boolean =>
    Object.entries(given).some(
      ([key, value]: [string, unknown]) =>
        key === name && value !== false && !(Option.isOption(value) && Option.isNone(value))
    )
  const detail = isFleet
    ? "is for stories and has no meaning with --report; leave one of the two out"
    : "is for a fleet and has no meaning without --report FILE; add it, or leave this out"
  const strange = Object.keys(isFleet ? storiesFlags : fleetFlags).filter(isGiven)
  const isMany = !isFleet && Option.getOrElse(given.seeds, () => 1) > 1
  const ofOne = [...(given.trace ? ["trace"] : []), ...(Option.isSome(given.html) ? ["html"] : [])]
  return [
    ...strange.map((name) => refuse(`--${kebab(name)} ${detail}`)),
    ...(isMany ? ofOne.map((name) => refuse(`--${name} shows a single story; leave --seeds out`)) : [])
  ]
}

const anySeed = Effect.sync(() => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)

const or = <A>(option: Option.Option<A>, otherwise: A): A => Option.getOrElse(option, () => otherwise)

const fleetOrder = (given: Given, seed: number, report: string): FleetOrder => {
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

const storiesOrder = (given: Given, seed: number): StoriesOrder => {
  const seeds = or(given.seeds, 1)
  return {
    kind: "stories",
    seed,
    seeds,
    jobs: Option.getOrUndefined(given.jobs),
    faults: or(given.faults, "swarm"),
    nodes: Option.getOrUndefined(given.nodes),
    pods: Option.getOrUndefined(given.pods),
    days: Option.getOrUndefined(given.days),
    trace: given.trace,
    html: Option.getOrUndefined(given.html)
  }
}

/** What was given, as an order with every knob; a seed that was not given is drawn. */
export const orderOf = Effect.fnUntraced(function* (given: Given): Effect.fn.Return<Order> {
  const seed = Option.isSome(given.seed) ? given.seed.value : yield* anySeed
  return Option.match(given.report, {
    onNone: () => storiesOrder(given, seed),
    onSome: (report) => fleetOrder(given, seed, report)
  })
})
