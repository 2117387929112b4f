/**
 * What certlet does beside serving a node lies in files of its own, in the folder of `certlet.mjs`, each with a copy of
 * Effect of its own: a node's process does not load them. So what crosses is plain: a signal goes in, and a promise of
 * plain data comes out. An interruption waits until the part has cleared up what it started.
 */
import { Effect, Schema } from "effect"

/** A part's file cannot be loaded. */
class PartError extends Schema.TaggedError<PartError>()("PartError", {
  /** What was to be done, as a verb. */
  does: Schema.String,
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot ${this.does} (${this.file} must lie in the folder of certlet.mjs): ${this.detail}`
  }
}

const running = <A>(begin: (signal: AbortSignal) => Promise<A>): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    const interruption = new AbortController()
    const run = begin(interruption.signal)
    const ended = run.then(
      (outcome) => resume(Effect.succeed(outcome)),
      (cause: unknown) => resume(Effect.die(cause))
    )
    return Effect.suspend(() => {
      interruption.abort()
      return Effect.promise(() => ended)
    })
  })

/** Loads the part that lies in this file, and runs something of it to its end. */
export const partApart = <Part, A>(
  named: { readonly does: string; readonly file: string },
  load: () => Promise<Part>,
  run: (part: Part, signal: AbortSignal) => Promise<A>
): Effect.Effect<A, PartError> =>
  Effect.flatMap(
    Effect.tryPromise({ try: load, catch: (cause) => new PartError({ ...named, detail: String(cause) }) }),
    (part) => running((signal) => run(part, signal))
  )
