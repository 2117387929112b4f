/**
 * What a simulated cluster consists of: the parts that its verbs work on, when it begins, and how a process of it ends.
 * The parts are made by `SimCluster.make`, and only `Cluster` and what it is built of see them.
 */
import type { Cause, Context, Duration, Effect } from "effect"
import type { Issuer } from "../../embedded/Issuer.ts"
import type { Court, World } from "../judges/Invariants.ts"
import { known, Misuse, oneOf, timeOf } from "../levers/misuse.ts"
import type { TimedLevers, Workings } from "../levers/TimedLevers.ts"
import type { Dice } from "./Dice.ts"
import type { CrashPoint } from "./Fence.ts"
import type { SimNodes } from "./SimNodes.ts"
import type { SimPod } from "./SimPod.ts"

/** How a process ends before it is started again. */
export interface Ending {
  /** How long the node has no certlet; two seconds at least, and by default. */
  readonly downtime?: Duration.Input
}

/** The simulation begins here, in milliseconds since 1970: any instant would do. */
export const simulationBegins = 1_893_456_000_000

/** What the parts of a cluster share. */
export interface ClusterParts extends Workings {
  readonly seed: string
  readonly context: Context.Context<never>
  readonly dice: Dice
  readonly court: Court
  readonly world: World
  readonly timed: TimedLevers
  /** An issuer with a CA of its own, which bears this name. */
  readonly makeIssuer: (name: string) => Effect.Effect<Issuer["Service"]>
  readonly pods: Map<string, SimPod>
  /** The nodes, as they join and leave. */
  readonly machines: SimNodes
  /** The first defect of the simulation itself. */
  readonly crash: () => Cause.Cause<never> | undefined
  readonly syncFrequency: Duration.Duration
  readonly hasEnded: () => boolean
}

/** How long a node is without certlet. */
export const downtimeOf = (ending: Ending & { readonly at?: CrashPoint }): Duration.Duration =>
  timeOf(known("how a process ends", ending, { downtime: true, at: true }).downtime ?? "2 seconds")

/** The next call to anything. */
export const nextCall: CrashPoint = { call: 1, when: "before" }

/** A call that a process can come to. */
export const sound = (point: CrashPoint): CrashPoint => {
  known("a call to come", point, { call: true, when: true })
  oneOf("a call's when", point.when, ["before", "after"])
  if (Number.isInteger(point.call) && point.call >= 1) return point
  throw new Misuse(`calls count from 1, and none is number ${point.call}`)
}
