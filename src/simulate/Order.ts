/**
 * What `certlet simulate` was ordered to do, with every knob in effect: plain numbers and words, because it crosses from the
 * program's file into the one that holds the simulations, and those two do not share a copy of Effect.
 */
import { Duration, Option } from "effect"
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

/** The order on a command line that repeats it. */
export const fleetLine = (order: FleetOrder): string => {
  const flags = {
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
  }
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  return ["certlet simulate", order.seed, ...given.map(([name, value]) => `--${name} ${value}`)].join(" ")
}
