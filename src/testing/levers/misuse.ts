/**
 * What a cluster's user can get wrong, said at the door: a node or a pod that is not there, a share outside 0 to 1, a
 * negative time. The test is wrong then, and nothing in the cluster, so the test ends at once with a
 * sentence that names what there is.
 */

import { Duration, Option } from "effect"
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { SimPod } from "../parts/SimPod.ts"

/** A verb or a lever was called with something that means nothing. */
export class Misuse extends Error {
  override readonly name = "Misuse"
}

const listed = (names: ReadonlyArray<string>): string => (names.length === 0 ? "none" : names.join(", "))

/** A length of time, as Effect reads it; not a negative one. */
export const timeOf = (time: Duration.Input): Duration.Duration => {
  const read = Duration.fromInput(time)
  if (Option.isSome(read) && !Duration.isNegative(read.value)) return read.value
  const given = typeof time === "object" ? JSON.stringify(time) : String(time)
  throw new Misuse(`${given} is no length of time; write "20 minutes", "7 days" or Duration.hours(2)`)
}

/** A length of time in words. */
export const worded = (time: Duration.Input): string => Duration.format(timeOf(time))

/** A number from 0 to 1. */
export const shareOf = (what: string, share: number): number => {
  if (share >= 0 && share <= 1) return share
  throw new Misuse(`${what} is a share from 0 (none) to 1 (all), and not ${share}`)
}

/** What stands under this name. */
export const named = <A>(what: string, all: ReadonlyMap<string, A>, name: string): A => {
  const found = all.get(name)
  if (found !== undefined) return found
  throw new Misuse(`there is no ${what} ${name}; there are ${listed([...all.keys()])}`)
}

/** A pod that this cluster has. */
export const present = (pods: ReadonlyMap<string, SimPod>, pod: SimPod): SimPod => {
  const found = pods.get(pod.uid)
  if (found !== undefined) return found
  const why = pod.phase === "gone" ? "is gone" : "is no pod of this cluster"
  throw new Misuse(`${namespacedName(pod)} ${why}; there are ${listed([...pods.values()].map(namespacedName))}`)
}

/** How many nodes a cluster has. */
export const countOf = (nodes: number): number => {
  if (Number.isInteger(nodes) && nodes >= 1) return nodes
  throw new Misuse(`a cluster has one node at least, and not ${nodes}`)
}
