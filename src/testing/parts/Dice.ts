/**
 * Chance that obeys a seed: a stream of draws of its own for each part of a simulation, made by Effect's own seeded
 * generator. Parts that do not share a stream do not disturb each other: a story with one event less draws the same
 * numbers everywhere else, which is what lets a failing story be shrunk. Pure.
 */
import { Effect, Random } from "effect"
import { uuidV4 } from "../../spec/uuidV4.ts"

/** A stream of draws. */
export class Dice {
  /** The generator itself, to be provided as Effect's Random. */
  readonly random: Random.Random

  constructor(seed: string) {
    this.random = Effect.runSync(Random.withSeed(Effect.service(Random.Random), seed))
  }

  /** From [0, 1). */
  readonly next = (): number => this.random.nextDoubleUnsafe()

  /** From [low, high). */
  readonly between = (low: number, high: number): number => low + (high - low) * this.next()

  /** A whole number from [low, high). */
  readonly whole = (low: number, high: number): number => Math.floor(this.between(low, high))

  /** True with this probability; draws nothing where there is none. */
  readonly chance = (probability: number): boolean => probability > 0 && this.next() < probability

  /** One of several. */
  readonly pick = <A>(choices: readonly [A, ...ReadonlyArray<A>]): A =>
    choices[this.whole(0, choices.length)] ?? choices[0]

  /** Hexadecimal digits. */
  readonly hex = (digits: number): string =>
    Array.from({ length: digits }, () => this.whole(0, 16).toString(16)).join("")

  /** A version 4 UUID (RFC 9562). */
  readonly uuid = (): string => {
    const hex = this.hex(30)
    return uuidV4(`${hex.slice(0, 12)}0${hex.slice(12, 15)}0${hex.slice(15)}`)
  }
}
