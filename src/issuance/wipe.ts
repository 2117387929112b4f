/**
 * Overwrites secrets that have done their work, so that a key lies no longer in memory than it must. What JavaScript
 * keeps as a string, the PEM and the JSON of a key on its way to a file, cannot be overwritten: it stays until its
 * memory is used for something else.
 */
import { Effect, Redacted } from "effect"

/** Fills the bytes with zeros: whoever calls it is the last who needs them. */
export const wipe = (secrets: Iterable<Redacted.Redacted<Uint8Array>>): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const secret of secrets) Redacted.value(secret).fill(0)
  })
