/**
 * How a cluster's parts become the world that judges look at: what changes is looked up at the moment that they look.
 */
import type { TimedLevers } from "../levers/TimedLevers.ts"
import type { SimPod } from "../parts/SimPod.ts"
import type { World } from "./Invariants.ts"

type WorldParts = Omit<World, "now" | "pods" | "volumes" | "pulled"> & {
  readonly now: () => number
  readonly pods: ReadonlyMap<string, SimPod>
  readonly timed: () => TimedLevers
}

/** What judges look at. */
export const worldOf = ({ now, pods, timed, ...rest }: WorldParts): World => ({
  ...rest,
  get now() {
    return now()
  },
  get pods() {
    return [...pods.values()]
  },
  get volumes() {
    return [...pods.values()].flatMap(({ volumes }) => [...volumes.values()])
  },
  get pulled() {
    return timed().pulled
  }
})
