/**
 * The kinds of flags that the commands are made of. A flag's text is read by a rule, and the sentence of a rule that
 * is broken names the flag. A setting of the process can also be given by its environment: `--some-flag` as
 * `CERTLET_SOME_FLAG`. What is asked of one command at one moment (`ruled`, `argument`) can not, because a variable
 * that somebody has forgotten would answer instead of the operator.
 */
import { Config, Effect, identity, Option, Path, Redacted, Result } from "effect"
import { Argument, CliError, Flag, Param, Primitive } from "effect/cli"
import { meantBy } from "../spec/nearestOf.ts"
import { boolean, type Rule } from "../spec/Rule.ts"
import type { FlagRule } from "./FlagRules.ts"
import * as Rules from "./FlagRules.ts"

/** Every variable that a setting can be given by. */
const variables = new Set<string>()

/** A setting's variable. */
const variable = (name: string): string => {
  const found = `CERTLET_${name.toUpperCase().replaceAll("-", "_")}`
  variables.add(found)
  return found
}

/** What Kubernetes puts into the environment of every pod where a Service is called certlet. */
const ofServices = /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** A sentence about those of some variables that are meant for certlet and that nothing reads; none if all are read. */
export const unknownVariables = (found: ReadonlyArray<string>): Option.Option<string> => {
  const unknown = found.filter((name) => name.startsWith("CERTLET_") && !variables.has(name) && !ofServices.test(name))
  const told = unknown.map((name) =>
    Option.match(
      meantBy(
        name.slice(8),
        [...variables].map((one) => one.slice(8))
      ),
      {
        onNone: () => name,
        onSome: (near) => `${name} (did you mean CERTLET_${near}?)`
      }
    )
  )
  return told.length === 0 ? Option.none() : Option.some(`no setting is read from the environment's ${told.join(", ")}`)
}

const refused = (kind: "flag" | "argument", option: string, value: string) => (expected: string) =>
  new CliError.InvalidValue({ option, value, expected, kind })

const read = <A>(kind: "flag" | "argument", option: string, rule: Rule<A>, value: string) =>
  Effect.fromResult(Result.mapError(rule(value), refused(kind, option, value)))

/** Reads the values of one flag, and tells of each that is wrong. */
const readAll = <A>(name: string, rule: Rule<A>, values: ReadonlyArray<string>) => {
  const found = values.map((value) => Result.mapError(rule(value), refused("flag", name, value)))
  const errors = found.flatMap((one) => (Result.isFailure(one) ? [one.failure] : []))
  return errors.length > 0
    ? Effect.fail(new CliError.ShowHelp({ commandPath: [], errors }))
    : Effect.succeed(found.flatMap((one) => (Result.isSuccess(one) ? [one.success] : [])))
}

const written = (name: string, type: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(type), Flag.withDescription(description))

/** A flag that is read by a rule. */
export const ruled = <A>(name: string, rule: FlagRule<A>, description: string) =>
  written(name, rule.type, description).pipe(Flag.mapEffect((value) => read("flag", name, rule, value)))

/** A flag that can be given again and again. */
export const ruledMany = <A>(name: string, rule: FlagRule<A>, description: string) =>
  written(name, rule.type, description).pipe(
    Flag.between(1, 100),
    Flag.withDefault([]),
    Flag.mapEffect((values) => readAll(name, rule, values))
  )

/** An argument that is read by a rule. */
export const argument = <A>(name: string, rule: FlagRule<A>, description: string) =>
  Argument.String(name).pipe(
    Argument.withMetavar(rule.type),
    Argument.withDescription(description),
    Argument.mapEffect((value) => read("argument", name, rule, value))
  )

/**
 * What stands for on or off, unread: Effect takes words that Go does not, and does not take those that Go takes. Its
 * tag makes it a flag that needs no value and has a `--no-` form.
 */
const word: Primitive.Primitive<string> = Object.assign(Object.create(Primitive.Boolean), { parse: Effect.succeed })

const onOrOff = (name: string, description: string) =>
  Param.makeSingle({ kind: Param.flagKind, name, primitiveType: word }).pipe(Flag.withDescription(description))

/** A flag that is on or off; off without a word. */
export const onOff = (name: string, description: string) =>
  onOrOff(name, description).pipe(
    Flag.withDefault("false"),
    Flag.mapEffect((value) => read("flag", name, boolean, value))
  )

/** Where a setting was found: in its variable, or on the command line. */
type Found<A> = { readonly value: A; readonly from: Option.Option<string> }

const onCommandLine = <A>(value: A): Found<A> => ({ value, from: Option.none() })

/** The flag, or else its variable. */
const orVariable = <A>(flag: Flag.Flag<A>, name: string, split: (text: string) => A): Flag.Flag<Found<A>> =>
  flag.pipe(
    Flag.map(onCommandLine),
    Flag.withFallbackConfig(
      Config.map(Config.String(variable(name)), (text) => ({ value: split(text), from: Option.some(variable(name)) }))
    )
  )

/** A mistake in a variable is looked for on the command line in vain, so the variable is named. */
const naming = <A>(from: Option.Option<string>, rule: Rule<A>): Rule<A> =>
  Option.match(from, {
    onNone: () => rule,
    onSome: (name) => (text) => Result.mapError(rule(text), (expected) => `${expected}; it comes from ${name}`)
  })

/** A setting of plain text. */
const text = (name: string, type: string, description: string) =>
  orVariable(written(name, type, `${description} [${variable(name)}]`), name, identity)

/** A setting that is read by a rule. */
export const setting = <A>(name: string, rule: FlagRule<A>, description: string) =>
  text(name, rule.type, description).pipe(
    Flag.mapEffect(({ from, value }) => read("flag", name, naming(from, rule), value))
  )

const resolved = (value: string) => Effect.map(Path.Path, (path) => path.resolve(value))

/** A setting that is a path, of which `rule` reads one; a relative one begins in the working folder. */
export const place = (name: string, rule: FlagRule<string>, description: string) =>
  setting(name, rule, description).pipe(Flag.mapEffect(resolved))

/** A setting that is a socket. */
export const socket = (name: string, description: string) =>
  place(name, Rules.endpoint, description).pipe(Flag.mapEffect((value) => read("flag", name, Rules.socketPath, value)))

/** A setting that is accepted and has no effect; it is not in the help. True where it was given. */
export const ignored = (name: string, kind: "text" | "toggle" = "text") =>
  kind === "toggle"
    ? toggle(name, "without effect").pipe(Flag.withHidden)
    : optional(name, Rules.anyText, "without effect").pipe(Flag.map(Option.isSome), Flag.withHidden)

/** A setting with a default that the help shows. */
export const settingOr = <A>(name: string, rule: FlagRule<A>, description: string, shown: string, value: A) =>
  setting(name, rule, `${description} (default ${shown})`).pipe(Flag.withDefault(value))

/** A setting that may be absent. */
export const optional = <A>(name: string, rule: FlagRule<A>, description: string) =>
  setting(name, rule, description).pipe(Flag.optional)

/** A setting that is secret, and may be absent. */
export const secret = (name: string, description: string) =>
  text(name, "text", description).pipe(
    Flag.map(({ value }) => Redacted.make(value)),
    Flag.optional
  )

/** A setting that is on or off; off without a word. */
export const toggle = (name: string, description: string) =>
  orVariable(onOrOff(name, `${description} [${variable(name)}]`), name, identity).pipe(
    Flag.withDefault(onCommandLine("false")),
    Flag.mapEffect(({ from, value }) => read("flag", name, naming(from, boolean), value))
  )

/** A setting that can be given again and again; its environment variable separates values by commas. */
export const many = <A>(name: string, rule: FlagRule<A>, description: string) =>
  orVariable(
    written(name, rule.type, `${description} [${variable(name)}, comma-separated]`).pipe(Flag.between(1, 100)),
    name,
    (values) => values.split(",")
  ).pipe(
    Flag.withDefault(onCommandLine<ReadonlyArray<string>>([])),
    Flag.mapEffect(({ from, value }) => readAll(name, naming(from, rule), value))
  )
