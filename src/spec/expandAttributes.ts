/**
 * Variables are put into the attributes of a volume. Pure. Attributes stand here without their prefix. What follows the
 * pod as the API server shows it may stand in subject and names alone; as long as its values are not known, the
 * attributes that hold it are late and are left out, and everything else of them is checked all the same.
 */
import { Option, Result } from "effect"
import { attributeNames, followingNames, structureOf } from "./Attributes.ts"
import type { BrokenRule } from "./SpecError.ts"
import { expand, followedIn } from "./Variables.ts"

type Texts = Readonly<Record<string, string>>

/** The attributes that are there, with variables put in. */
export interface Expanded {
  readonly values: Texts
  /** The followed variables that are called anywhere. */
  readonly follows: ReadonlyArray<string>
  /** The attributes that wait for the values of such variables. */
  readonly late: ReadonlyArray<string>
}

/** Attributes whose values hold no variables, as with cert-manager's csi-driver: a password may hold any character. */
export const literals: ReadonlyArray<string> = ["serialnumber", "pkcs12-password", "jks-password"]

/**
 * The attributes with the `known` variables and, once there are any, the `followed` ones; or which attribute breaks
 * what rule.
 */
export const expandAttributes = (
  written: Texts,
  known: Texts,
  followed: Option.Option<Texts>
): Result.Result<Expanded, BrokenRule> => {
  const values: Record<string, string> = {}
  const follows = new Set<string>()
  const late: Array<string> = []
  for (const name of attributeNames) {
    const text = written[name] ?? ""
    const literal = literals.includes(name)
    const found = literal ? [] : followedIn(text)
    const [first] = found
    if (first !== undefined && !followingNames.includes(name)) {
      return Result.fail([name, `may not hold \${${first}}, which only a subject and names can follow`])
    }
    const unknown = Object.fromEntries(found.map((variable) => [variable, ""]))
    const variables = { ...known, ...Option.getOrElse(followed, () => unknown) }
    const value = literal ? Result.succeed(text) : expand(text, variables, structureOf(name))
    if (Result.isFailure(value)) return Result.fail([name, value.failure])
    for (const variable of found) follows.add(variable)
    if (first !== undefined && Option.isNone(followed)) late.push(name)
    else if (value.success !== "") values[name] = value.success
  }
  return Result.succeed({ values, follows: [...follows], late })
}
