/**
 * The names of the variables that the process was started with. What a variable holds may be a secret, and is read by
 * the flag that it belongs to and by nobody else.
 */
import { Effect } from "effect"

/** Every name. */
export const environmentNames: Effect.Effect<ReadonlyArray<string>> = Effect.sync(() => Object.keys(process.env).sort())
