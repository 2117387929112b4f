/**
 * What a contract's laws are made of. A law is a sentence and a program that fails when the sentence does not hold; the
 * program asks for the service under test and for a scene, which is what the law needs to know about the world behind
 * it. No test runner is involved: whoever has a layer of the contract and of its scene can run the laws with any of
 * them.
 */
import { Effect, Schema } from "effect"

/** A law does not hold; `detail` says what was seen instead. */
export class LawBroken extends Schema.TaggedError<LawBroken>()("LawBroken", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** One law of a contract: its sentence, as it stands in the contract, and the program that tries it. */
export interface Law<E, R> {
  readonly law: string
  readonly program: Effect.Effect<void, E | LawBroken, R>
}

/** Fails where the condition is false. */
export const holds = (condition: boolean, detail: string): Effect.Effect<void, LawBroken> =>
  condition ? Effect.void : Effect.fail(new LawBroken({ detail }))

/** Fails where the two are not the same text. */
export const same = (found: string, wanted: string, what: string): Effect.Effect<void, LawBroken> =>
  holds(found === wanted, `${what}: found ${found}, wanted ${wanted}`)
