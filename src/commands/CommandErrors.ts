/**
 * How the command line answers to who has called it wrongly: a sentence for each thing that is wrong and one that says where help
 * is, on standard error. The help itself, a hundred lines long, is for who asks for it; before an error it only hides it.
 */
import { Console, Effect } from "effect"
import { type CliError, CliOutput } from "effect/cli"

/** Effect sets a suggestion apart by lines; in a sentence a full stop does. */
const sentence = (error: CliError.NonShowHelpErrors): string =>
  error.message
    .trim()
    .replace(/([^.!?\s])\s*\n\s*(?=Did you mean)/, "$1. ")
    .replace(/\s*\n\s*/g, " ")

const hint = (commandPath: ReadonlyArray<string>): string => `See ${commandPath.join(" ")} --help`

/** Presents what the command line has to say: errors briefly, everything else as usual. */
export const layer = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.forEach(
          [...event.errors.map((error) => `certlet: ${sentence(error)}`), hint(event.commandPath)],
          (line) => Console.error(line)
        )
      : CliOutput.defaultPresenter.present(event)
})
