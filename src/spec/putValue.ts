/**
 * How the value of a variable is put into an attribute that has parts: a list at commas, a CSV record, a distinguished
 * name. Pure. The value may come from whoever may label or annotate the pod, so within a part it is text and nothing
 * else: it can neither end that part nor begin another one. Only a variable that is a part by itself may stand for
 * several (`${POD_IPS}`).
 */
import { Result } from "effect"
import { escapedValue } from "./DistinguishedName.ts"
import { quoted } from "./Rule.ts"

/** What divides an attribute's text: nothing, commas, commas outside of double quotes, or the signs of RFC 4514. */
export type Structure = "text" | "list" | "csv" | "name"

/** The value as it stands in the text between `start` and `end`, where the variable is called; or why it cannot. */
export type PutValue = (start: number, end: number, value: string) => Result.Result<string, string>

/** True where nothing but blanks stands on both sides, up to a comma or the end of the text. */
const isWholeElement = (text: string, start: number, end: number): boolean => {
  let [before, after] = [start - 1, end]
  while (text[before] === " ") before--
  while (text[after] === " ") after++
  return (before < 0 || text[before] === ",") && (after === text.length || text[after] === ",")
}

const refused = (text: string, start: number, end: number, value: string, what: string) =>
  Result.fail(
    `may not hold ${text.slice(start, end)} within an element, because its value ${quoted(value)} holds ${what}; ` +
      "give the variable an element of its own, or change its value"
  )

const intoList =
  (text: string): PutValue =>
  (start, end, value) =>
    value.includes(",") && !isWholeElement(text, start, end)
      ? refused(text, start, end, value, "a comma")
      : Result.succeed(value)

const intoCsv = (text: string): PutValue => {
  let [read, isQuoted] = [0, false]
  return (start, end, value) => {
    for (; read < start; read++) if (text[read] === '"') isQuoted = !isQuoted
    if (isQuoted) return Result.succeed(value.replaceAll('"', '""'))
    return /[,"\n]/.test(value) && !isWholeElement(text, start, end)
      ? refused(text, start, end, value, "a comma, a quote or a line break")
      : Result.succeed(value)
  }
}

const intoName =
  (text: string): PutValue =>
  (start, end, value) => {
    if (text.trim() === text.slice(start, end)) return Result.succeed(value)
    // A backslash of the author's would undo the one that protects the value's first character.
    return text[start - 1] === "\\"
      ? Result.fail(`may not hold a backslash before ${text.slice(start, end)}; its value is escaped as it is`)
      : Result.succeed(escapedValue(value))
  }

/** Puts values into this text, from its beginning to its end. */
export const putValue = (structure: Structure, text: string): PutValue => {
  switch (structure) {
    case "text":
      return (_start, _end, value) => Result.succeed(value)
    case "list":
      return intoList(text)
    case "csv":
      return intoCsv(text)
    case "name":
      return intoName(text)
  }
}
