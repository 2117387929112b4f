/**
 * How the command line itself behaves: which flags every command has, what the help looks like, and how a call that is
 * wrong is answered. A wrong call gets a sentence for each thing that is wrong and one that says where the help is, on
 * standard error, and the process ends with EX_USAGE of sysexits.h. The help, a hundred lines long, is printed only for
 * those who ask for it: before an error it would hide the error.
 */
import { Console, Effect, Option } from "effect"
import { CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag, type HelpDoc } from "effect/cli"
import { version } from "../Version.ts"
import { type Mistake, OnlyReading } from "./command.ts"
import { ExitCode } from "./ExitCode.ts"
import { mistakeText } from "./mistakeText.ts"

/**
 * `-v` and `--log-level` are verbosity here, as with the driver that certlet replaces, so the built-in flags make
 * room.
 */
const versionFlag = Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false))
const Version = GlobalFlag.Action({ flag: versionFlag, run: GlobalFlag.Version.run })
const config = { builtIns: [GlobalFlag.Help, Version, GlobalFlag.Completions] }

/** Effect knows which flags are required, and its help does not say it. */
const withRequired = (flag: HelpDoc.FlagDoc): HelpDoc.FlagDoc =>
  flag.required ? { ...flag, description: Option.map(flag.description, (text) => `${text} (required)`) } : flag

const present = (event: CliOutput.Presenter.Event) =>
  CliOutput.defaultPresenter.present(
    event._tag === "Help"
      ? { ...event, helpDoc: { ...event.helpDoc, flags: event.helpDoc.flags.map(withRequired) } }
      : event
  )

/** A wrong call, as Effect tells of it. */
type Wrong = Extract<CliOutput.Presenter.Event, { readonly _tag: "InvalidInvocation" }>

/** What of a command line cannot be read, so that nothing behind it has been read. */
const unreadable = (mistakes: ReadonlyArray<Mistake>): ReadonlyArray<string> =>
  mistakes.flatMap((one) => {
    if (one._tag === "UnrecognizedOption") return [one.option]
    return one._tag === "InvalidValue" && one.kind === "flag" && one.value === "" ? [`--${one.option}`] : []
  })

const isFlag = (arg: string, flags: ReadonlyArray<string>): boolean =>
  flags.some((flag) => arg === flag || arg.startsWith(`${flag}=`))

/** Mistakes that are not what they seem, because of a flag that could not be read. */
const isEcho = (mistake: Mistake, args: ReadonlyArray<string>, all: ReadonlyArray<Mistake>): boolean => {
  const unread = unreadable(all)
  const isValue = (word: string) => isFlag(args[args.indexOf(word) - 1] ?? "", unread)
  switch (mistake._tag) {
    case "UnknownSubcommand":
      return isValue(mistake.subcommand)
    case "UnexpectedArgument":
      return mistake.arguments.every(isValue)
    case "MissingOption": {
      const option = `--${mistake.option}`
      const isMeant = (one: Mistake) => one._tag === "UnrecognizedOption" && one.suggestions.includes(option)
      return unread.includes(option) || all.some(isMeant)
    }
    default:
      return false
  }
}

/** Says what is wrong, each thing once. */
const tell = ({ commandPath, helpDoc }: Wrong, mistakes: ReadonlyArray<Mistake>) => {
  const lines = [
    ...new Set(mistakes.map((mistake) => `certlet: ${mistakeText(helpDoc, mistake)}`)),
    `See ${commandPath.join(" ")} --help`
  ]
  return Effect.forEach(lines, (line) => Console.error(line), { discard: true })
}

/** Carries out a command line; a wrong one fails with EX_USAGE. */
export const answerCommandLine = <Name extends string, Input, Context, E, R>(
  commands: Command.Command<Name, Input, Context, E, R>,
  args: ReadonlyArray<string>
) => {
  const wrong: Array<Wrong> = []
  const carryOut = (args: ReadonlyArray<string>, only: boolean) =>
    Command.runWith(commands, { version })(args).pipe(
      Effect.provideService(OnlyReading, only),
      Effect.provideService(CliConfig.CliConfig, config),
      Effect.provideService(CliOutput.Presenter, {
        present: (event) =>
          event._tag === "InvalidInvocation" ? Effect.sync(() => void wrong.push(event)) : present(event)
      })
    )
  const refuse = Effect.gen(function* () {
    const [first] = wrong
    if (first === undefined) return yield* new ExitCode({ code: 64 })
    // A command that does not exist has no flags.
    const strange = first.errors.filter((one) => one._tag === "UnknownSubcommand" && args[0] === one.subcommand)
    const unread = strange.length > 0 ? [] : unreadable(first.errors)
    if (unread.length > 0) {
      yield* Effect.ignore(
        carryOut(
          args.filter((arg) => !isFlag(arg, unread)),
          true
        )
      )
    }
    const found = wrong.flatMap(({ errors }) => errors)
    yield* tell(first, strange.length > 0 ? strange : found.filter((one) => !isEcho(one, args, found)))
    return yield* new ExitCode({ code: 64 })
  })
  return carryOut(args, false).pipe(
    Effect.catchIf(
      (error) => error instanceof CliError.ShowHelp && error.errors.length > 0,
      () => refuse
    )
  )
}
