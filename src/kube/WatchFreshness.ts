/**
 * How far what a watch has shown can be trusted: whether it is open, when the server was last heard, and since when and
 * why it is not. A server that says nothing for minutes is not well, because it sends bookmarks once a minute; a
 * connection that broke a moment ago is everyday life. Except for the wait on silence, the time is given.
 */
import { Clock, Duration, Effect, Option } from "effect"

/** Bookmarks come about once a minute: after three of them were missed, nobody is at the other end. */
const longestSilenceMillis = 200_000
/** An API server that restarts is away for less than this. */
const patienceMillis = 30_000

const seconds = (millis: number): string => `${Math.round(millis / 1000)} s`

const silentFor = (millis: number): string => `the API server has been silent for ${seconds(millis)}`

/** What is known of one watch. Times are milliseconds. */
export class WatchFreshness {
  #opened = false
  #heardAt = 0
  #brokenAt: number | undefined
  #why = ""

  /** The server has agreed to tell what changes, after everything that there is has been read. */
  opened(now: number): void {
    this.#opened = true
    this.#brokenAt = undefined
    this.heard(now)
  }

  /** The server has said something, were it only that nothing has changed. */
  heard(now: number): void {
    this.#heardAt = now
  }

  /** Ends, and says so, once a watch that was begun at `began` has been silent for too long. */
  silence(began: number): Effect.Effect<string> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const silent = now - Math.max(began, this.#heardAt)
      return silent >= longestSilenceMillis
        ? Effect.succeed(silentFor(silent))
        : Effect.andThen(Effect.sleep(Duration.millis(longestSilenceMillis - silent)), this.silence(began))
    })
  }

  /** The watch is not open, or could not be opened. */
  broken(now: number, why: string): void {
    this.#brokenAt ??= now
    this.#why = why
  }

  /** What is wrong at this moment; none where the watch is fresh. */
  complaint(now: number): Option.Option<string> {
    if (!this.#opened) return Option.some(`nothing has been read yet${this.#why === "" ? "" : `: ${this.#why}`}`)
    if (this.#brokenAt !== undefined) {
      const away = now - this.#brokenAt
      return away < patienceMillis ? Option.none() : Option.some(`broken for ${seconds(away)}: ${this.#why}`)
    }
    const silent = now - this.#heardAt
    return silent < longestSilenceMillis ? Option.none() : Option.some(silentFor(silent))
  }
}
