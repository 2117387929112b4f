/**
 * The verbs of a cluster as promises, by one rule and without a list: what gives an Effect gives a promise, and of
 * levers each one does. Everything else stays what it is. A new verb or lever is there by itself. An error is the
 * verb's own, with the line of the test that called.
 */
import { Effect, Predicate } from "effect"

/** Stands in every set of levers, so that one is told from what only is. */
export const isLevers: unique symbol = Symbol("certlet/levers")

/** A set of levers: each of its members does something to a cluster. */
export type Levers<L> = L & { readonly [isLevers]: true }

/** What a verb answers with: levers are ones with promises too. */
type Answer<A> = A extends Levers<object> ? PromisedVerbs<Omit<A, typeof isLevers>> : A

/** The same with promises. */
type Promised<T> =
  T extends Effect.Effect<infer A, infer _E>
    ? Promise<Answer<A>>
    : T extends (...given: infer Given) => infer Result
      ? (...given: Given) => Promised<Result>
      : Answer<T>

/** An object whose members are verbs, with promises. */
export type PromisedVerbs<T> = { readonly [K in keyof T]: Promised<T[K]> }

/** Where something was called. */
interface Place {
  stack?: string
}

/** How Effects become promises. */
interface Door {
  readonly call: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  /** What an error of certlet's says to somebody outside; undefined leaves another's error as it is. */
  readonly told: (error: Error) => string | undefined
}

/** An error of certlet's, with its message for outside and the place where it was called. */
const placed = (error: unknown, told: Door["told"], { stack = "" }: Place): unknown => {
  const message = error instanceof Error ? told(error) : undefined
  if (!(error instanceof Error) || message === undefined) return error
  const lines = [`${error.name}: ${message}`, ...stack.split("\n").slice(1)]
  Object.defineProperty(error, "message", { value: message, configurable: true, writable: true })
  Object.defineProperty(error, "stack", { value: lines.join("\n"), configurable: true, writable: true })
  return error
}

/** A verb that is ready to be done: a cluster's need nothing else. */
const isVerb = (value: unknown): value is Effect.Effect<unknown, unknown> => Effect.isEffect(value)

/** The verbs of something as promises; `own` are those that take the place of some of them. */
export const promised = <T extends object, Own extends object>(
  door: Door,
  held: T,
  own: Own
): PromisedVerbs<Omit<T, keyof Own> & Own> => {
  const walk = (value: unknown, place: Place): unknown => {
    if (isVerb(value)) {
      return door.call(value).then(answer, (error: unknown) => Promise.reject(placed(error, door.told, place)))
    }
    if (typeof value === "function") {
      const called = (...given: ReadonlyArray<unknown>): unknown => {
        const here: Place = {}
        Error.captureStackTrace(here, called)
        return walk(Reflect.apply(value, undefined, given), here)
      }
      return called
    }
    return answer(value)
  }
  const answer = (value: unknown): unknown =>
    Predicate.isObject(value) && isLevers in value ? verbs(value, {}) : value
  /** Members are looked up when they are asked for. */
  const verbs = (all: object, own: object): object =>
    new Proxy(all, { get: (_, key) => walk(Reflect.get(key in own ? own : all, key), {}) })
  // What the walk makes of a member is what the type says of it; no compiler can see that through a Proxy.
  return verbs(held, own) as PromisedVerbs<Omit<T, keyof Own> & Own>
}
