/**
 * Names of other kinds (RFC 5280, 4.2.1.6: otherName), such as the user principal name by which Windows knows who logs
 * on. Pure: how an attribute writes them, and how a sentence does. An element is `OID=TEXT`, as cert-manager's
 * Certificate has it with `oid` and `utf8Value`; the one kind that everybody uses may be written as `upn=TEXT`. The
 * text becomes a UTF8String in the signing request.
 */
import { Result } from "effect"
import { csvList } from "./AttributeRules.ts"
import { quoted, type Rule } from "./Rule.ts"

/** A name of another kind. */
export interface OtherName {
  /** OBJECT IDENTIFIER, dotted: the kind. */
  readonly oid: string
  readonly value: string
}

/** A user principal name, as Microsoft numbers it. */
const upn = "1.3.6.1.4.1.311.20.2.3"

/** As much as Go reads, in 31 bits; the first two numbers are encoded as one, to which 80 may be added. */
const largest = 2 ** 31 - 1 - 80

const isOid = (text: string): boolean => {
  if (text.length > 128 || !/^[012](\.(0|[1-9]\d{0,9}))+$/.test(text)) return false
  const [first, second = 0] = text.split(".").map(Number)
  return text.split(".").every((part) => Number(part) <= largest) && (first === 2 || second < 40)
}

const otherName = (element: string): OtherName | undefined => {
  const equals = element.indexOf("=")
  const [kind, value] = [element.slice(0, Math.max(0, equals)).trim(), element.slice(equals + 1).trim()]
  const oid = kind.toLowerCase() === "upn" ? upn : kind
  return isOid(oid) && value !== "" && value.isWellFormed() && !/\p{Cc}/u.test(value) ? { oid, value } : undefined
}

/** A CSV list of `OID=TEXT` or `upn=TEXT`; the text has no control characters. */
export const otherNames: Rule<ReadonlyArray<OtherName>> = (text) =>
  Result.flatMap(csvList(text), (elements) => {
    const names = elements.map(otherName)
    const wrong = elements[names.indexOf(undefined)]
    return wrong === undefined
      ? Result.succeed(names.filter((name) => name !== undefined))
      : Result.fail(
          'must hold names such as upn=web@example.com, each with "upn" or the OID of its kind before the "=" and a ' +
            `text without control characters after it, but is ${quoted(wrong)}`
        )
  })

/** The name as an attribute writes it. */
export const formatOtherName = ({ oid, value }: OtherName): string => `${oid === upn ? "upn" : oid}=${value}`
