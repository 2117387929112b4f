/**
 * A cluster's verbs as promises, by one rule and without a list: what gives an Effect gives a promise, and of levers
 * each one does. Everything else stays what it is. A new verb or lever is there by itself. An error is the verb's own,
 * with the line of the test that called and with the seed.
 */
import { Effect, Predicate } from "effect"
import { Misuse } from "../levers/misuse.ts"
import { isLevers, type Levers } from "../levers/TimedLevers.ts"
import type { Calls } from "./Calls.ts"

/** The same with promises. */
type Promised<T> =
  T extends Effect.Effect<infer A, infer _E>
    ? Promise<A>
    : T extends (...given: infer Given) => infer Answer
      ? (...given: Given) => Promised<Answer>
      : T extends Levers<object>
        ? PromisedVerbs<Omit<T, typeof isLevers>>
        : T

/** An object whose members are verbs, with promises. */
export type PromisedVerbs<T> = { readonly [K in keyof T]: Promised<T[K]> }

/** Where something was called. */
interface Place {
  stack?: string
}

/** Adds to an error of certlet's where it was called, and the seed that a drawn cluster had. */
const placed = (error: unknown, seed: string, { stack = "" }: Place): unknown => {
  if (!(error instanceof Misuse || (error instanceof Error && Predicate.hasProperty(error, "_tag")))) return error
  const told = error instanceof Misuse || error.message.includes("the seed is ")
  const message = told ? error.message : `${error.message}\nthe seed is ${seed}`
  const lines = stack.split("\n").slice(1)
  Object.defineProperty(error, "message", { value: message, configurable: true, writable: true })
  Object.defineProperty(error, "stack", { value: [`${error.name}: ${message}`, ...lines].join("\n"), writable: true })
  return error
}

/** A verb that is ready to be done: a cluster's need nothing else. */
const isVerb = (value: unknown): value is Effect.Effect<unknown, unknown> => Effect.isEffect(value)

/** The verbs of a cluster as promises; `own` are those that take the place of some of them. */
export const promised = <T extends object, Own extends object>(
  calls: Calls,
  seed: string,
  cluster: T,
  own: Own
): PromisedVerbs<Omit<T, keyof Own> & Own> => {
  const walk = (value: unknown, place: Place): unknown => {
    if (isVerb(value)) {
      return calls.call(value).catch((error: unknown) => Promise.reject(placed(error, seed, place)))
    }
    if (typeof value === "function") {
      const called = (...given: ReadonlyArray<unknown>): unknown => {
        const here: Place = {}
        Error.captureStackTrace(here, called)
        return walk(Reflect.apply(value, undefined, given), here)
      }
      return called
    }
    return Predicate.isObject(value) && isLevers in value ? verbs(value, {}) : value
  }
  /** Members are looked up when they are asked for. */
  const verbs = (all: object, own: object): object =>
    new Proxy(all, { get: (_, key) => walk(Reflect.get(key in own ? own : all, key), {}) })
  // What the walk makes of a member is what the type says of it; no compiler can see that through a Proxy.
  return verbs(cluster, own) as PromisedVerbs<Omit<T, keyof Own> & Own>
}
