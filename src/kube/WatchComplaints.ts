/**
 * What the log says about a watch that fails. A failure for some seconds is everyday life and is not logged; one
 * that lasts, or that no patience will help, is a warning, and not one for every try. When the watch is open again, the
 * log says so if it had complained. One of it stands in each `watch`.
 */
import { Clock, Effect } from "effect"
import type { ApiError } from "./ApiError.ts"

/** Failing for less than this is everyday life: an API server that restarts. */
const patienceMillis = 30_000
const warningIntervalMillis = 300_000

/**
 * What is said about a watch that fails: nothing much at first, a warning when it lasts or when no patience will help.
 */
export class WatchComplaints {
  #failingSince: number | undefined
  #warnedAt: number | undefined
  #complaining = false
  readonly #action: string
  readonly #meanwhile: string

  constructor(action: string, meanwhile: string) {
    this.#action = action
    this.#meanwhile = meanwhile
  }

  readonly failed = (error: ApiError): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#failingSince ??= now
      const hopeless = error.reason !== "Unavailable" && error.reason !== "Throttled" && error.reason !== "Gone"
      const due = this.#warnedAt === undefined || now - this.#warnedAt >= warningIntervalMillis
      if (!due || (!hopeless && now - this.#failingSince < patienceMillis)) {
        return Effect.logDebug(`${error.message}; trying again`)
      }
      this.#warnedAt = now
      this.#complaining = true
      return Effect.logWarning(`${error.message}; ${this.#meanwhile}`)
    })

  /** A watch was opened: good news, though it has yet to last. */
  readonly opened: Effect.Effect<void> = Effect.suspend(() => {
    const complained = this.#complaining
    this.#complaining = false
    return complained ? Effect.logInfo(`${this.#action}: open again`) : Effect.void
  })

  /** A watch has served. */
  readonly served: Effect.Effect<void> = Effect.sync(() => {
    this.#failingSince = undefined
  })
}
