/**
 * How a command ends that has said all there is to say: with a code and without another word. Every other error ends
 * the process with 1, an interruption with 130; that is Effect's own rule, so nothing else in certlet sets an exit
 * code.
 */
import { Effect, Runtime, Schema } from "effect"

/** Ends the process with this code. */
export class ExitCode extends Schema.TaggedError<ExitCode>()("ExitCode", { code: Schema.Number }) {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return `exit code ${this.code}`
  }
}

/** Ends with a code that another part of certlet has come back with; nothing is to be said at 0. */
export const endWith = (code: number): Effect.Effect<void, ExitCode> =>
  code === 0 ? Effect.void : Effect.fail(new ExitCode({ code }))
