/**
 * Variables are put into the attributes of a volume. Pure. Attributes stand here without their prefix. What follows the
 * pod as the API server shows it may stand in subject and names alone; as long as its values are not known, the
 * attributes that hold it are late and are left out, and everything else of them is checked all the same. In names of
 * files and issuers an unknown variable stays as it is written: the driver that certlet replaces puts none in there.
 */
import { Option, Result } from "effect"
import { attributeNames, followingNames, structureOf } from "./Attributes.ts"
import { quoted } from "./Rule.ts"
import type { BrokenRule } from "./SpecError.ts"
import { expand, followedIn, unknownIn } from "./Variables.ts"

type Texts = Readonly<Record<string, string>>

/** The attributes that are there, with variables put in. */
export interface Expanded {
  readonly values: Texts
  /** The followed variables that are called anywhere. */
  readonly follows: ReadonlyArray<string>
  /** The attributes that wait for the values of such variables. */
  readonly late: ReadonlyArray<string>
  /** The attributes whose variables cannot be put in. */
  readonly broken: ReadonlyArray<BrokenRule>
  /** What looks like a mistake. */
  readonly remarks: ReadonlyArray<BrokenRule>
}

/** Attributes whose values hold no variables, as with cert-manager's csi-driver: a password may hold any character. */
export const literals: ReadonlyArray<string> = ["serialnumber", "pkcs12-password", "jks-password"]

/** Free texts that the driver that certlet replaces takes as they are. */
const keptNames: ReadonlyArray<string> = [
  "issuer-name",
  "issuer-kind",
  "issuer-group",
  "ca-file",
  "certificate-file",
  "privatekey-file",
  "pkcs12-filename"
]

/** The attributes with the `known` variables and, once there are any, the `followed` ones. */
export const expandAttributes = (written: Texts, known: Texts, followed: Option.Option<Texts>): Expanded => {
  const values: Record<string, string> = {}
  const follows = new Set<string>()
  const late: Array<string> = []
  const broken: Array<BrokenRule> = []
  const remarks: Array<BrokenRule> = []
  for (const name of attributeNames) {
    const text = written[name] ?? ""
    const literal = literals.includes(name)
    const found = literal ? [] : followedIn(text)
    const [first] = found
    const isKept = keptNames.includes(name)
    if (first !== undefined && !followingNames.includes(name)) {
      broken.push([name, `may not hold \${${first}}, which only a subject and names can follow`])
      continue
    }
    const unknown = Object.fromEntries(found.map((variable) => [variable, ""]))
    const variables = { ...known, ...Option.getOrElse(followed, () => unknown) }
    const value = literal
      ? Result.succeed(text)
      : expand(text, variables, structureOf(name), isKept ? "kept" : "refused")
    if (Result.isFailure(value)) {
      broken.push([name, value.failure])
      continue
    }
    const [kept] = isKept ? unknownIn(text, variables) : []
    if (kept !== undefined) remarks.push([name, `knows no variable ${quoted(kept)}, so it stays as it is written`])
    for (const variable of found) follows.add(variable)
    if (first !== undefined && Option.isNone(followed)) late.push(name)
    else if (value.success !== "") values[name] = value.success
  }
  return { values, follows: [...follows], late, broken, remarks }
}
