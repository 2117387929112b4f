/**
 * What becomes of a command's failure: one line, never a trace, and then the process ends with the error's own exit
 * code. The commands that serve or run in a container write it into their log; those that an operator has typed say it
 * plainly. Here a command also becomes interruptible, which `main` is not: so a signal ends the command's work, and
 * the command itself decides what the process's end is worth.
 */
import { Cause, Console, Effect, Runtime } from "effect"
import { type LogSettings, loggingLayer } from "../observability/NodeLogging.ts"

const saying =
  (say: (sentence: string) => Effect.Effect<void>) =>
  (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
    const error = Cause.squash(cause)
    return Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(error)
      ? Effect.void
      : say(error instanceof Error ? error.message : String(error))
  }

/** Runs a command's work under the process's log, whose last line says what went wrong. */
export const logged =
  (log: LogSettings) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.interruptible(work).pipe(Effect.tapCause(saying(Effect.logFatal)), Effect.provide(loggingLayer(log)))

/** A signal is how this work ends, and no failure. */
export const untilSignal: <E, R>(work: Effect.Effect<void, E, R>) => Effect.Effect<void, E, R> = Effect.catchCauseIf(
  Cause.hasInterruptsOnly,
  () => Effect.void
)

/** Runs a command's work, and says on standard error what went wrong. */
export const spoken = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.interruptible(work).pipe(Effect.tapCause(saying((sentence) => Console.error(`certlet: ${sentence}`))))
