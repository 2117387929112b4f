/**
 * What `certlet simulate` was ordered to do, with every knob in effect: plain numbers and words, because it crosses
 * from the program's file into the one that holds the simulations, and those two do not share a copy of Effect.
 */
import { Duration, Option } from "effect"
import { Faults } from "../../testing/levers/Faults.ts"
import type { Knobs } from "../../testing/story/drawStory.ts"
import type { FleetPlan } from "./Fleet.ts"

/** A fleet, and where its page goes. Times are in seconds. */
export interface FleetOrder {
  readonly kind: "fleet"
  readonly seed: number
  readonly report: string
  readonly nodes: number
  readonly pods: number
  readonly days: number
  readonly durationSeconds: number
  /** Undefined: a third of the lifetime. */
  readonly renewBeforeSeconds: number | undefined
  readonly rolloutSeconds: number
  readonly issuerRate: number
  readonly outageDay: number
  readonly outageSeconds: number
  readonly outageKind: FleetPlan["outage"]["kind"]
}

/** The plan that a fleet's order makes. */
export const planOf = (order: FleetOrder): Omit<FleetPlan, "jitter"> => ({
  nodes: order.nodes,
  pods: order.pods,
  days: order.days,
  duration: Duration.seconds(order.durationSeconds),
  renewBefore: Option.map(Option.fromUndefinedOr(order.renewBeforeSeconds), Duration.seconds),
  rollout: Duration.seconds(order.rolloutSeconds),
  issuerRate: order.issuerRate,
  outage: {
    at: Duration.days(order.outageDay),
    lasts: Duration.seconds(order.outageSeconds),
    kind: order.outageKind
  }
})

/** Stories, and which: run n has the seed `seed + n`. The seed of each story decides what is undefined. */
export interface StoriesOrder {
  readonly kind: "stories"
  readonly seed: number
  readonly seeds: number
  /**
   * How many stories run at once; undefined: as many as there are processors. It changes nothing about what comes out.
   */
  readonly jobs: number | undefined
  /** `none`, `swarm`, or names of faults with commas between. */
  readonly faults: string
  readonly nodes: number | undefined
  readonly pods: number | undefined
  /** How long each story lasts before its faults end. */
  readonly days: number | undefined
  /** Prints every event of a single story. */
  readonly trace: boolean
  /** The file for the page of a single story; undefined if no page is wanted. */
  readonly html: string | undefined
}

/** What can be ordered. */
export type Order = FleetOrder | StoriesOrder

/** What a stories' order fixes about each of them. */
export const knobsOf = ({ days, faults, nodes, pods }: StoriesOrder): Knobs => ({
  ...(nodes === undefined ? {} : { nodes }),
  ...(pods === undefined ? {} : { pods }),
  ...(days === undefined ? {} : { days }),
  ...(faults === "swarm"
    ? {}
    : { faults: Faults.named(Faults.names.filter((name) => faults.split(",").includes(name))) })
})

/** Flags on a command line. */
const line = (seed: number, flags: Readonly<Record<string, string | number | undefined>>): string => {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  return ["certlet simulate", seed, ...given.map(([name, value]) => `--${name} ${value}`)].join(" ")
}

/** A stories' order on a command line that repeats it. */
export const storiesLine = (order: StoriesOrder): string =>
  line(order.seed, {
    seeds: order.seeds === 1 ? undefined : order.seeds,
    nodes: order.nodes,
    pods: order.pods,
    days: order.days,
    faults: order.faults
  })

/** The order on a command line that repeats it. */
export const fleetLine = (order: FleetOrder): string =>
  line(order.seed, {
    nodes: order.nodes,
    pods: order.pods,
    days: order.days,
    duration: `${order.durationSeconds}s`,
    "renew-before": order.renewBeforeSeconds === undefined ? undefined : `${order.renewBeforeSeconds}s`,
    rollout: `${order.rolloutSeconds}s`,
    "issuer-rate": order.issuerRate,
    outage: `${order.outageSeconds}s`,
    "outage-day": order.outageDay,
    "outage-kind": order.outageKind,
    report: order.report
  })
