/**
 * How each of certlet's commands is made: from flags, a check of them together, examples, and what it does. Effect
 * stops at the first flag that is wrong; here the first flag that it reads has all of them read, so that whoever has
 * made three mistakes is told three and not one after another. A command line can also be read for its mistakes alone
 * (`OnlyReading`), and then no command does anything.
 */
import { Context, Effect, Result } from "effect"
import { CliError, Command, Param } from "effect/cli"

/** On while a command line is only read. */
export const OnlyReading: Context.Reference<boolean> = Context.Reference("certlet/commands/OnlyReading", {
  defaultValue: () => false
})

/** A thing that is wrong with a command line. */
export type Mistake = CliError.NonShowHelpErrors

interface Flags {
  readonly [name: string]: Param.Any | Flags
}

const isParam = (one: Param.Any | Flags): one is Param.Any => Param.isParam(one)

const paramsOf = (flags: Flags): ReadonlyArray<Param.Any> =>
  Object.values(flags).flatMap((one) => (isParam(one) ? [one] : paramsOf(one)))

const mistakesOf = (error: CliError.CliError): ReadonlyArray<Mistake> =>
  error._tag === "ShowHelp" ? error.errors : [error]

/** Everything that is wrong with what is given for some flags and arguments. */
const mistakesIn = Effect.fnUntraced(function* (params: ReadonlyArray<Param.Any>, given: Param.ParsedArgs) {
  const mistakes: Array<Mistake> = []
  let left = given.arguments
  let isKnown = true
  for (const param of params) {
    const read = yield* Effect.result(param.parse({ flags: given.flags, arguments: left }))
    if (Result.isSuccess(read)) left = read.success[0]
    else mistakes.push(...mistakesOf(read.failure))
    if (Result.isFailure(read) && param.kind === "argument") isKnown = false
  }
  if (isKnown && left.length > 0) mistakes.push(new CliError.UnexpectedArgument({ arguments: left }))
  return mistakes
})

/** The same flags, of which the first to be read has all of them read. */
const allAtOnce = <F extends Flags>(commandPath: ReadonlyArray<string>, flags: F): F => {
  const params = paramsOf(flags)
  const first = Object.entries(flags).find(([, one]) => isParam(one))
  if (first === undefined || !isParam(first[1])) return flags
  const [name, param] = first
  const parse = (given: Param.ParsedArgs) =>
    Effect.flatMap(mistakesIn(params, given), (errors) =>
      errors.length === 0 ? param.parse(given) : Effect.fail(new CliError.ShowHelp({ commandPath, errors }))
    )
  // What a flag is stays behind it, so that help and completions know it.
  return { ...flags, [name]: Object.create(param, { parse: { value: parse } }) }
}

/** What a command is made of. */
interface Parts<F extends Flags, E, R> {
  readonly description: string
  /** What somebody may want, with the command line that does it. */
  readonly examples: ReadonlyArray<Command.Command.Example>
  readonly flags: F
  /** The program that it is a command of, where that is not certlet. */
  readonly below?: string
  /** What is wrong with flags that are right one by one. */
  readonly mistakesAmong?: (given: Command.Command.Config.Infer<F>) => Effect.Effect<ReadonlyArray<Mistake>>
  readonly does: (given: Command.Command.Config.Infer<F>) => Effect.Effect<void, E, R>
}

/** Makes a command. */
export const command = <const Name extends string, const F extends Flags, E, R>(name: Name, parts: Parts<F, E, R>) => {
  const { below = "certlet", description, does, examples, flags, mistakesAmong = () => Effect.succeed([]) } = parts
  const commandPath = name === below ? [name] : [below, name]
  return Command.make(name, allAtOnce(commandPath, flags), (given) =>
    Effect.flatMap(OnlyReading, (only) => (only ? Effect.void : does(given)))
  ).pipe(
    Command.validate((given) =>
      Effect.flatMap(mistakesAmong(given), (errors) =>
        errors.length === 0 ? Effect.void : Effect.fail(new CliError.ShowHelp({ commandPath, errors }))
      )
    ),
    Command.withDescription(description),
    Command.withExamples(examples)
  )
}
