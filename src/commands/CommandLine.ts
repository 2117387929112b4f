/**
 * How the command line itself behaves: which flags every command has, and how it answers a call that is wrong. A wrong
 * call gets a sentence for each thing that is wrong and one that says where the help is, on standard error. The help,
 * a hundred lines long, is printed only for those who ask for it: before an error it would hide the error.
 */
import { Console, Effect, Layer } from "effect"
import { CliConfig, CliError, CliOutput, Flag, GlobalFlag } from "effect/cli"
import { oneLine } from "../spec/oneLine.ts"
import { ExitCode } from "./ExitCode.ts"

/**
 * `-v` and `--log-level` are verbosity here, as with the driver that certlet replaces, so the built-in flags make
 * room.
 */
const versionFlag = Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false))
const Version = GlobalFlag.Action({ flag: versionFlag, run: GlobalFlag.Version.run })

/** Effect sets a suggestion apart by lines; in a sentence a full stop does. */
const sentence = (error: CliError.NonShowHelpErrors): string =>
  oneLine(error.message).replace(/(?<![.!?]) (?=Did you mean)/, ". ")

const hint = (commandPath: ReadonlyArray<string>): string => `See ${commandPath.join(" ")} --help`

const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.forEach(
          [...event.errors.map((error) => `certlet: ${sentence(error)}`), hint(event.commandPath)],
          (line) => Console.error(line)
        )
      : CliOutput.defaultPresenter.present(event)
})

/** The flags that every command has, and errors that are said briefly. */
export const layer = Layer.merge(
  CliConfig.layer({ builtIns: [GlobalFlag.Help, Version, GlobalFlag.Completions] }),
  presenter
)

/** The commands whose exit codes say what they found: a wrong call of theirs ends with EX_USAGE of sysexits.h. */
const finders: ReadonlyArray<string> = ["check", "simulate"]

/** A wrong call ends with 2; one of a command that finds things with 64. */
export const withUsageCodes = Effect.mapError(<E>(error: E) =>
  error instanceof CliError.ShowHelp && error.errors.length > 0
    ? new ExitCode({ code: finders.includes(error.commandPath[1] ?? "") ? 64 : 2 })
    : error
)
