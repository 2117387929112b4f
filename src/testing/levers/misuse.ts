/**
 * What a cluster's user can get wrong, said at the door: a node or a pod that is not there, a misspelt option, a share
 * outside 0 to 1, a negative time. The test is wrong then, and nothing in the cluster, so the test ends at once with a
 * sentence that names what there is. Plain JavaScript has no compiler that would have said it before.
 */

import { Duration, Option, Predicate } from "effect"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { nearestOf } from "../../spec/nearestOf.ts"
import type { SimPod } from "../parts/SimPod.ts"

/** A verb or a lever was called with something that means nothing. */
export class Misuse extends Error {
  override readonly name = "Misuse"
}

const listed = (names: ReadonlyArray<string>): string => (names.length === 0 ? "none" : names.join(", "))

const written = (given: unknown): string => (typeof given === "object" ? JSON.stringify(given) : String(given))

const units = ["days", "hours", "microseconds", "milliseconds", "minutes", "nanoseconds", "seconds", "weeks"]

/** Effect takes NaN and an object with a misspelt unit for no time at all. */
const isReadable = (time: unknown): boolean => {
  if (typeof time !== "object" || time === null || Array.isArray(time) || Duration.isDuration(time)) {
    return !Number.isNaN(time)
  }
  return Object.keys(time).length > 0 && Object.keys(time).every((unit) => units.includes(unit))
}

/** A length of time, as Effect reads it; not a negative one, and one that ends. `what` it is of may be said. */
export const timeOf = (time: Duration.Input, what?: string): Duration.Duration => {
  const read = isReadable(time) ? Duration.fromInput(time) : Option.none()
  if (Option.isSome(read) && Number.isFinite(Duration.toMillis(read.value)) && !Duration.isNegative(read.value))
    return read.value
  const subject = what === undefined ? written(time) : `${what}: ${written(time)}`
  throw new Misuse(`${subject} is no length of time; write "20 minutes", "7 days" or Duration.hours(2)`)
}

/** A length of time in words. */
export const worded = (time: Duration.Input): string => Duration.format(timeOf(time))

/** A DNS label, which a volume's name has to be and most nodes' names are. */
export const isLabel = (name: unknown): boolean =>
  Predicate.isString(name) && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)

/** An object that has no other names than those of `names`. */
export const known = <A extends object>(what: string, given: A, names: Readonly<Record<keyof A, unknown>>): A => {
  if (!Predicate.isObject(given)) throw new Misuse(`${what} is an object, and not ${written(given)}`)
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(names, name)) continue
    throw new Misuse(`${what} has no ${name}; the nearest is ${nearestOf(name, Object.keys(names))}`)
  }
  return given
}

/** The entries of a Secret: texts by their keys. */
export const soundEntries = (entries: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  if (Predicate.isObject(entries) && Object.values(entries).every(Predicate.isString)) return entries
  throw new Misuse('a Secret\'s entries are texts by their keys, such as { password: "..." }')
}

/** One of a few words. */
export const oneOf = <A extends string>(what: string, word: A, words: ReadonlyArray<A>): A => {
  if (words.includes(word)) return word
  throw new Misuse(`${what} is ${words.join(" or ")}, and not ${written(word)}`)
}

/** A number that is not negative. */
export const amountOf = (what: string, amount: number): number => {
  if (Number.isFinite(amount) && amount >= 0) return amount
  throw new Misuse(`${what} is a number from 0 on, and not ${written(amount)}`)
}

/** A number from 0 to 1. */
export const shareOf = (what: string, share: number): number => {
  if (share >= 0 && share <= 1) return share
  throw new Misuse(`${what} is a share from 0 (none) to 1 (all), and not ${share}`)
}

/** What stands under this name. */
export const named = <A>(what: string, all: ReadonlyMap<string, A>, name: string): A => {
  const found = all.get(name)
  if (found !== undefined) return found
  throw new Misuse(`there is no ${what} ${written(name)}; there are ${listed([...all.keys()])}`)
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
