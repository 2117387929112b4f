/**
 * What a simulated disk runs between any two changes of its files. By itself it is nothing; a process puts its fence
 * there, so that it can die, or be frozen, with a file set half written, as a process on a real node can.
 */
import { Context, Effect } from "effect"

/** Run before each change of a file. */
export const DiskStep = Context.Reference<Effect.Effect<void>>("certlet/testing/DiskStep", {
  defaultValue: () => Effect.void
})
