/**
 * Where faults become an error. Pure. A spec with one fault has the error of that fault; with several it has one error
 * that holds them all; with none it has no error.
 */
import { Effect } from "effect"
import { type Fault, SpecError } from "./SpecError.ts"

/** Fails with all of these faults, if there are any. */
export const requireSound = ([first, ...others]: ReadonlyArray<Fault>): Effect.Effect<void, SpecError> =>
  first === undefined ? Effect.void : Effect.fail(new SpecError(others.length === 0 ? first : { ...first, others }))
