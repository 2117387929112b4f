/**
 * How time passes in a cluster: one stretch after the other, each until the judges find something, and then their
 * verdict. A finding becomes the failure of the verb that let the time pass.
 */
import { Deferred, Effect } from "effect"
import type { InvariantBroken } from "../judges/Invariants.ts"
import type { ClusterParts } from "../parts/ClusterParts.ts"
import { Misuse } from "./misuse.ts"

/** The time of one cluster. */
export class PassingTime {
  readonly #parts: ClusterParts
  #passes = false

  constructor(parts: ClusterParts) {
    this.#parts = parts
  }

  /** Lets time pass until this has ended or somebody has found something, and says what was found. */
  readonly pass = (passing: Effect.Effect<void>): Effect.Effect<void, InvariantBroken> =>
    Effect.suspend(() => {
      if (this.#passes) return Effect.die(new Misuse("time passes already; a controller waits with its `sleep`"))
      this.#passes = true
      const stretch = Effect.raceFirst(passing, Deferred.await(this.#parts.court.finding))
      const ended = Effect.sync(() => {
        this.#passes = false
      })
      return Effect.andThen(Effect.ensuring(stretch, ended), this.verdict)
    })

  /** What was found so far. */
  readonly verdict: Effect.Effect<void, InvariantBroken> = Effect.suspend(() => {
    const { found } = this.#parts.court
    const crash = this.#parts.crash()
    // What does not converge because something died is no finding about certlet.
    if (crash !== undefined && found?.kind !== "safety") return Effect.failCause(crash)
    return found === undefined ? Effect.void : Effect.fail(found)
  })
}
