/**
 * How a command ends that has said all there is to say: with a code and without another word. Every other error ends
 * the process with 1, an interruption with 130; that is Effect's own rule, so nothing else in certlet sets an exit
 * code.
 */
import { Runtime, Schema } from "effect"

/** Ends the process with this code. */
export class ExitCode extends Schema.TaggedError<ExitCode>()("ExitCode", { code: Schema.Number }) {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return `exit code ${this.code}`
  }
}
