/**
 * Defects, met as failures. What has to outlive a defect, because others wait for it or nobody would begin it again,
 * makes it an error like any other, and the log says what it was.
 */
import { Effect } from "effect"
import { Defect } from "./DriverError.ts"

/** Makes a program's defects fail with `Defect`, each logged as an error after this sentence. */
export const asFailure =
  (sentence: string) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | Defect, R> =>
    Effect.catchDefect(program, (defect) =>
      Effect.andThen(Effect.logError(sentence, defect), Effect.fail(new Defect()))
    )
