/**
 * A program that failed in a way that none should, met as a failure. What has to outlive a defect, because others wait
 * for it or nobody would begin it again, makes it an error like any other, and the log says what it was.
 */
import { Effect, Schema } from "effect"
import type { Temper } from "./Temper.ts"

/** What it was stands in the log alone, because it may hold what nobody should read. */
export class Defect extends Schema.TaggedError<Defect>()("Defect", {}) {
  readonly temper: Temper = "defect"
  override get message(): string {
    return "certlet has a defect here; its log on this node says more, please report it"
  }
}

/** Makes a program's defects fail with `Defect`, each logged as an error after this sentence. */
export const asFailure =
  (sentence: string) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | Defect, R> =>
    Effect.catchDefect(program, (defect) =>
      Effect.andThen(Effect.logError(sentence, defect), Effect.fail(new Defect()))
    )
