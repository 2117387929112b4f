/**
 * What is said of a mistake in a command line: the flag or argument, the rule, what was found, and what to write. Pure.
 * It knows a command's help, because there stands what a flag is for.
 */
import { Option } from "effect"
import type { HelpDoc } from "effect/cli"
import { oneLine } from "../spec/oneLine.ts"
import { quoted } from "../spec/Rule.ts"
import type { Mistake } from "./command.ts"

type Doc = Pick<HelpDoc.HelpDoc, "flags" | "usage">
type Of<Tag extends Mistake["_tag"]> = Extract<Mistake, { readonly _tag: Tag }>

const flagIn = (doc: Doc, name: string) => doc.flags.find((flag) => flag.name === name)

const meant = (suggestions: ReadonlyArray<string>, otherwise: string): string =>
  suggestions.length > 0 ? `did you mean ${suggestions.join(" or ")}?` : otherwise

/** A flag of a command that was written before it is one that the command before it does not have. */
const unknownFlag = (doc: Doc, { command = [], option, suggestions }: Of<"UnrecognizedOption">): string =>
  flagIn(doc, option.replace(/^--/, "")) === undefined
    ? `there is no flag ${option}; ${meant(suggestions, "leave it out")}`
    : `${option} stands too early; write it after ${command.join(" ")}`

const missingFlag = (doc: Doc, { option }: Of<"MissingOption">): string => {
  const flag = flagIn(doc, option)
  if (flag === undefined) return `--${option} is missing`
  return `--${option} is missing; write --${option} ${flag.type}: ${Option.getOrElse(flag.description, () => "")}`
}

const invalidValue = (doc: Doc, { expected, kind, option, value }: Of<"InvalidValue">): string => {
  if (kind === "argument") return `<${option}> is ${quoted(value)}, and must be ${expected}`
  const type = flagIn(doc, option)?.type
  if (value === "" && expected === type) return `--${option} has no value; write --${option} ${type}`
  if (expected.startsWith("at most 1 value")) return `--${option} stands here more than once; write it once`
  if (expected.startsWith("omit the value")) return `--no-${option} takes no value; leave ${quoted(value)} out`
  return `--${option} is ${quoted(value)}, and must be ${expected}`
}

/** The sentence about a mistake. */
export const mistakeText = (doc: Doc, mistake: Mistake): string => {
  switch (mistake._tag) {
    case "UnrecognizedOption":
      return unknownFlag(doc, mistake)
    case "MissingOption":
      return missingFlag(doc, mistake)
    case "InvalidValue":
      return invalidValue(doc, mistake)
    case "MissingArgument":
      return `<${mistake.argument}> is missing; write ${doc.usage}`
    case "UnexpectedArgument":
      return `there is no place for ${mistake.arguments.map(quoted).join(" ")}; write ${doc.usage}`
    case "UnknownSubcommand":
      return `there is no command ${quoted(mistake.subcommand)}; ${meant(mistake.suggestions, "leave it out")}`
    default:
      return oneLine(mistake.message)
  }
}
