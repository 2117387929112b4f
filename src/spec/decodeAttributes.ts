/**
 * From attributes as texts to values, or to the first rule that they break. Each attribute is read by its own rule, and
 * then the rules between attributes are checked. What breaks a rule is reported at the attribute that has to change.
 * Variables have their values already (`expandAttributes`).
 */
import { Effect, Result, Schema, SchemaIssue } from "effect"
import { inThousands } from "../pki/inThousands.ts"
import { csvList } from "./AttributeRules.ts"
import { type AttributeName, Attributes, namingAttributes, structureOf, subjectTypes } from "./Attributes.ts"
import { countAttributes } from "./DistinguishedName.ts"
import { brokenFileNames } from "./FileNames.ts"
import { brokenKeystores } from "./KeystoreRules.ts"
import { limits } from "./Limits.ts"
import { brokenConstraints } from "./NameConstraints.ts"
import { type BrokenRule, SpecError } from "./SpecError.ts"
import { prefix } from "./VolumeContext.ts"

/** The first rule between attributes that is broken. */
const broken = (attributes: Attributes): BrokenRule<AttributeName> | undefined => {
  if (attributes["issuer-name"] === undefined) return ["issuer-name", "is required; name the issuer that signs"]
  const single = subjectTypes.map(([name]) => name).find((name) => attributes[name] !== undefined)
  if (attributes["literal-subject"] !== undefined && single !== undefined) {
    return [single, "cannot be used with literal-subject; write the whole subject in one of the two ways"]
  }
  const size = brokenKeySize(attributes)
  if (size !== undefined) return ["key-size", size]
  if (attributes["key-encoding"] === "PKCS1" && (attributes["key-algorithm"] ?? "RSA") !== "RSA") {
    return ["key-encoding", `must be PKCS8 for ${attributes["key-algorithm"]} keys; PKCS1 is for RSA only`]
  }
  return brokenConstraints(attributes) ?? brokenKeystores(attributes) ?? brokenFileNames(attributes)
}

/** How many names a text holds, before any of them is read. */
const namesIn = (name: AttributeName, text: string): number => {
  switch (structureOf(name)) {
    case "name":
      return countAttributes(text)
    case "csv":
      return Result.getOrElse(csvList(text), () => []).length
    default:
      return text.split(",").filter((element) => element.trim() !== "").length
  }
}

/** The names of all kinds together, where they are too many; the attribute with most of them is the one to change. */
const brokenNumber = (values: Readonly<Record<string, string>>): BrokenRule<AttributeName> | undefined => {
  const counts = namingAttributes.map((name) => [name, namesIn(name, values[name] ?? "")] as const)
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  const [most, found] = counts.toSorted(([, one], [, other]) => other - one)[0] ?? ["dns-names", 0]
  if (total <= limits.names) return undefined
  const others = total === found ? "" : `, and with the other attributes there are ${inThousands(total)}`
  return [most, `has ${inThousands(found)} names${others}; a certificate may hold ${inThousands(limits.names)}`]
}

const brokenKeySize = (attributes: Attributes): string | undefined => {
  const size = attributes["key-size"]
  if (size === undefined) return undefined
  switch (attributes["key-algorithm"] ?? "RSA") {
    case "RSA":
      return size < 2048 || size > 8192 ? `must be from 2048 to 8192 for RSA, but is ${size}` : undefined
    case "ECDSA":
      return [256, 384, 521].includes(size) ? undefined : `must be 256, 384 or 521 for ECDSA, but is ${size}`
    case "Ed25519":
      return "must be left out for Ed25519, whose keys all have the same size"
  }
}

const Checked = Attributes.check(
  Schema.makeFilter((attributes) => {
    const found = broken(attributes)
    return found === undefined ? undefined : { path: [found[0]], issue: found[1] }
  })
)

const explain = SchemaIssue.makeFormatterStandardSchemaV1()

/** Reads attributes, by their names without the prefix; fails with the first rule that is broken. */
export const decodeAttributes = (values: Readonly<Record<string, string>>): Effect.Effect<Attributes, SpecError> => {
  const tooMany = brokenNumber(values)
  if (tooMany !== undefined) return Effect.fail(new SpecError({ field: prefix + tooMany[0], rule: tooMany[1] }))
  return Schema.decodeUnknownEffect(Checked)(values).pipe(
    Effect.mapError(({ issue }) => {
      const [first] = explain(issue).issues
      const [name = ""] = first?.path ?? []
      return new SpecError({ field: prefix + String(name), rule: first?.message ?? "cannot be read" })
    })
  )
}
