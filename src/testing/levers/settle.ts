/**
 * Faults end, and the cluster has to come to rest: levers go back, clocks are set right, the weather is fine, and time
 * passes until every live pod is served and every deleted one is gone, or until the bound has passed. Then the liveness
 * judges have their say.
 */
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { World } from "../judges/Invariants.ts"
import { unrest } from "../judges/judgesOfRest.ts"
import { longestPause } from "../parts/PodNews.ts"
import { behave } from "../parts/SimControlPlane.ts"
import type { SimPod } from "../parts/SimPod.ts"
import { Faults } from "./Faults.ts"
import type { TimedLevers, Workings } from "./TimedLevers.ts"
import { weatherOf } from "./weatherOf.ts"

/**
 * Within this time everything has to converge, where a kubelet looks at its pods about once a minute: a refused request
 * is asked about again after at most an hour and a half, and a kubelet's last pause is two minutes.
 */
const settlingBound = Duration.hours(2)
const look = Duration.minutes(1)

/** What settling needs of a cluster. */
export interface Settling extends Workings {
  readonly timed: TimedLevers
  readonly world: World
  readonly pods: ReadonlyMap<string, SimPod>
  /** How often the kubelets look at a pod, at the least: what only they notice waits for it. */
  readonly syncFrequency: Duration.Duration
}

/** Ends every fault and lets the cluster come to rest. */
export const settle = Effect.fnUntraced(function* (parts: Settling) {
  const { controllers, nodes, server, timed, trace, world } = parts
  trace.record("story", { _tag: "FaultsEnded" })
  yield* timed.release
  yield* behave(server, controllers, weatherOf(Faults.none))
  parts.network.lateness = Duration.zero
  for (const node of nodes.values()) yield* node.calm
  const began = world.now
  const bound = Duration.toMillis(Duration.sum(settlingBound, Duration.times(parts.syncFrequency, longestPause)))
  while (unrest(world) !== undefined && world.now - began < bound) yield* TestClock.adjust(look)
  trace.record("story", { _tag: "Settled" })
})
