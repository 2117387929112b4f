/**
 * From attributes as texts to values, or to the rules that they break. Each attribute is read by its own rule; the
 * rules between attributes are checked as far as they can be read. What breaks a rule is reported at the attribute that
 * has to change. Variables have their values already (`expandAttributes`).
 */
import { Duration, Effect, Record, Result, Schema, SchemaIssue } from "effect"
import { inThousands } from "../pki/inThousands.ts"
import { csvList } from "./AttributeRules.ts"
import { type AttributeName, Attributes, namingAttributes, structureOf } from "./Attributes.ts"
import { countAttributes } from "./DistinguishedName.ts"
import { brokenFileNames } from "./FileNames.ts"
import { brokenKeystores } from "./KeystoreRules.ts"
import { limits } from "./Limits.ts"
import { brokenConstraints } from "./NameConstraints.ts"
import { quoted } from "./Rule.ts"
import type { BrokenRule } from "./SpecError.ts"
import { spokenDuration } from "./spokenDuration.ts"
import { hasScheme } from "./Uri.ts"

/** The rules between attributes that are broken. */
export const brokenBetween = (attributes: Attributes): ReadonlyArray<BrokenRule> => {
  const broken: ReadonlyArray<BrokenRule | undefined> = [
    attributes["issuer-name"] === undefined ? ["issuer-name", "is required; name the issuer that signs"] : undefined,
    brokenIssuerKind(attributes),
    brokenKeySize(attributes),
    attributes["key-encoding"] === "PKCS1" && (attributes["key-algorithm"] ?? "RSA") !== "RSA"
      ? ["key-encoding", `must be PKCS8 for ${attributes["key-algorithm"]} keys; PKCS1 is for RSA only`]
      : undefined,
    attributes["renew-before"] !== undefined && attributes["renew-before-percentage"] !== undefined
      ? ["renew-before-percentage", "cannot stand with renew-before; leave out one of the two"]
      : undefined,
    brokenConstraints(attributes),
    ...brokenKeystores(attributes),
    brokenFileNames(attributes)
  ]
  return broken.filter((rule) => rule !== undefined)
}

/** Attributes that stand and fall together in the rules between them: a CA's constraints, all names of files. */
const familyOf = (name: string): string => {
  if (/-(?:file|filename)$/.test(name)) return "file"
  const [first = ""] = name.split("-")
  return ["is", "permitted", "excluded"].includes(first) ? "ca" : first
}

/**
 * The rules between attributes that are broken where some attributes break their own: those are left out, and with them
 * every rule that might say otherwise if they could be read.
 */
export const brokenBeside = (
  values: Readonly<Record<string, string>>,
  own: ReadonlyArray<BrokenRule>
): Effect.Effect<ReadonlyArray<BrokenRule>> => {
  const unread = new Set(own.map(([name]) => name))
  const families = new Set(own.map(([name]) => familyOf(name)))
  const isSure = ([name]: BrokenRule) => !unread.has(name) && (name === "issuer-name" || !families.has(familyOf(name)))
  return decodeAttributes(Record.filter(values, (_, name) => !unread.has(name))).pipe(
    Effect.map((attributes) => brokenBetween(attributes).filter(isSure)),
    Effect.orElseSucceed(() => [])
  )
}

const ownKinds = ["Issuer", "ClusterIssuer"]

/** cert-manager's own group has these kinds alone: a request for another one is never signed. */
const brokenIssuerKind = (attributes: Attributes): BrokenRule<AttributeName> | undefined => {
  const { "issuer-group": group = "cert-manager.io", "issuer-kind": kind = "Issuer" } = attributes
  if (group !== "cert-manager.io" || ownKinds.includes(kind)) return undefined
  const meant = ownKinds.find((one) => one.toLowerCase() === kind.toLowerCase())
  const hint = meant === undefined ? "for an issuer of another kind set issuer-group to its group" : `write ${meant}`
  return [
    "issuer-kind",
    `must be Issuer or ClusterIssuer in the group cert-manager.io, but is ${quoted(kind)}; ${hint}`
  ]
}

/** How short a certificate's life may be for its renewals to keep up with it. */
const shortest = Duration.seconds(10)

/** What looks like a mistake in attributes that break no rule. */
export const remarksOn = (
  attributes: Attributes,
  values: Readonly<Record<string, string>>
): ReadonlyArray<BrokenRule> => {
  const { duration, "literal-subject": subject, "uri-sans": uris = [] } = attributes
  const relative = uris.find((uri) => !hasScheme(uri))
  const remarks: ReadonlyArray<BrokenRule | undefined> = [
    subject !== undefined && subject.flat().length < countAttributes(values["literal-subject"] ?? "")
      ? ["literal-subject", "has attributes without a value, which are left out"]
      : undefined,
    relative === undefined ? undefined : ["uri-sans", `holds ${quoted(relative)}, which has no scheme`],
    duration !== undefined && Duration.isLessThan(duration, shortest)
      ? [
          "duration",
          `is ${spokenDuration(duration)}; certlet renews a certificate every five seconds at most, so that it may ` +
            `expire before its renewal: set ${spokenDuration(shortest)} or more`
        ]
      : undefined
  ]
  return remarks.filter((remark) => remark !== undefined)
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

const brokenKeySize = (attributes: Attributes): BrokenRule<AttributeName> | undefined => {
  const size = attributes["key-size"]
  const rule = size === undefined ? undefined : keySizeRule(attributes, size)
  return rule === undefined ? undefined : ["key-size", rule]
}

const keySizeRule = (attributes: Attributes, size: number): string | undefined => {
  switch (attributes["key-algorithm"] ?? "RSA") {
    case "RSA":
      return size < 2048 || size > 8192 ? `must be from 2048 to 8192 for RSA, but is ${size}` : undefined
    case "ECDSA":
      return [256, 384, 521].includes(size) ? undefined : `must be 256, 384 or 521 for ECDSA, but is ${size}`
    case "Ed25519":
      return "must be left out for Ed25519, whose keys all have the same size"
  }
}

const explain = SchemaIssue.makeFormatterStandardSchemaV1()

/** Reads attributes, by their names without the prefix; fails with every attribute that breaks its own rule. */
export const decodeAttributes = (
  values: Readonly<Record<string, string>>
): Effect.Effect<Attributes, ReadonlyArray<BrokenRule>> => {
  const tooMany = brokenNumber(values)
  if (tooMany !== undefined) return Effect.fail([tooMany])
  return Schema.decodeUnknownEffect(Attributes)(values, { errors: "all" }).pipe(
    Effect.mapError(({ issue }) =>
      explain(issue).issues.map(({ message, path = [] }): BrokenRule => [String(path[0] ?? ""), message])
    )
  )
}
