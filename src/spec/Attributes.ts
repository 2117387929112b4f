/**
 * The attributes of a volume as one schema: every key that a pod may write, and the rule that reads it. Keys stand here
 * without their prefix; an attribute that is left out, or empty, is not there. The rules between attributes are
 * `decodeAttributes`'.
 */
import { Effect, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { pkcs12Profiles } from "../pki/Pkcs12.ts"
import * as Rules from "./AttributeRules.ts"
import { attributeTypes, type DistinguishedName, parseDistinguishedName } from "./DistinguishedName.ts"
import { KeyUsage } from "./KeyUsage.ts"
import { constraintNames, constraintRules } from "./NameConstraints.ts"
import { otherNames } from "./OtherName.ts"
import type { Structure } from "./putValue.ts"
import { parseReadinessGate, ReadinessGate } from "./ReadinessGate.ts"
import { quoted, type Rule } from "./Rule.ts"
import { TrustBundleName, trustBundleName } from "./TrustBundle.ts"

/** An attribute that a rule reads: text in, a value out, a sentence where the rule is broken. */
const by = <A>(rule: Rule<A>, to: Schema.Codec<A, A>) =>
  Schema.optionalKey(
    Schema.String.pipe(
      Schema.decodeTo(
        to,
        SchemaTransformation.transformEffect({
          decode: (text: string) =>
            Effect.fromResult(Result.mapError(rule(text), (message) => new SchemaIssue.InvalidValue({ message }))),
          encode: () => Effect.fail(new SchemaIssue.InvalidValue({ message: "specs are only ever read" }))
        })
      )
    )
  )

const Texts = Schema.Array(Schema.String)
const Name: Schema.Codec<DistinguishedName, DistinguishedName> = Schema.Array(
  Schema.Array(Schema.Struct({ type: Schema.String, value: Schema.String }))
)

const OtherNames = Schema.Array(Schema.Struct({ oid: Schema.String, value: Schema.String }))

const PasswordSource: Schema.Codec<Rules.PasswordSource, Rules.PasswordSource> = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("Generated") }),
  Schema.Struct({ _tag: Schema.Literal("Secret"), key: Schema.String })
])

const usages: Rule<ReadonlyArray<KeyUsage>> = (text) =>
  Result.map(
    Result.flatMap(Rules.commaList(text), (names) => Result.all(names.map(Rules.oneOf(KeyUsage.literals)))),
    (names) => [...new Set(names)]
  )

const gates: Rule<ReadonlyArray<ReadinessGate>> = (text) =>
  Result.flatMap(Rules.commaList(text), (elements) =>
    Result.all(
      elements.map((element) =>
        Result.mapError(parseReadinessGate(element), (forms) => `must hold ${forms}, but is ${quoted(element)}`)
      )
    )
  )

/** Every attribute, by its name without the prefix. */
export const Attributes = Schema.Struct({
  "issuer-name": by(Rules.word, Schema.String),
  "issuer-kind": by(Rules.word, Schema.String),
  "issuer-group": by(Rules.word, Schema.String),
  "literal-subject": by(parseDistinguishedName, Name),
  "common-name": by(Rules.nonEmpty, Schema.String),
  organizations: by(Rules.csvList, Texts),
  organizationalunits: by(Rules.csvList, Texts),
  countries: by(Rules.csvList, Texts),
  provinces: by(Rules.csvList, Texts),
  localities: by(Rules.csvList, Texts),
  streetaddresses: by(Rules.csvList, Texts),
  postalcodes: by(Rules.csvList, Texts),
  serialnumber: by(Rules.nonEmpty, Schema.String),
  "dns-names": by(Rules.dnsNames, Texts),
  "ip-sans": by(Rules.ipAddresses, Texts),
  "uri-sans": by(Rules.uris, Texts),
  "email-sans": by(Rules.mailboxes, Texts),
  "other-names": by(otherNames, OtherNames),
  spiffe: by(Rules.flag, Schema.Boolean),
  duration: by(Rules.lifetime, Schema.Duration),
  "renew-before": by(Rules.timeBefore, Schema.Duration),
  "renew-before-percentage": by(Rules.integer(1, 99), Schema.Number),
  "is-ca": by(Rules.flag, Schema.Boolean),
  "permitted-dns-domains": by(constraintRules["permitted-dns-domains"], Texts),
  "permitted-ip-ranges": by(constraintRules["permitted-ip-ranges"], Texts),
  "permitted-email-addresses": by(constraintRules["permitted-email-addresses"], Texts),
  "permitted-uri-domains": by(constraintRules["permitted-uri-domains"], Texts),
  "excluded-dns-domains": by(constraintRules["excluded-dns-domains"], Texts),
  "excluded-ip-ranges": by(constraintRules["excluded-ip-ranges"], Texts),
  "excluded-email-addresses": by(constraintRules["excluded-email-addresses"], Texts),
  "excluded-uri-domains": by(constraintRules["excluded-uri-domains"], Texts),
  "key-usages": by(usages, Schema.Array(KeyUsage)),
  "key-algorithm": by(Rules.oneOf(["RSA", "ECDSA", "Ed25519"]), Schema.Literals(["RSA", "ECDSA", "Ed25519"])),
  "key-size": by(Rules.integer(1, 9_999_999_999), Schema.Number),
  "key-encoding": by(Rules.oneOf(["PKCS1", "PKCS8"]), Schema.Literals(["PKCS1", "PKCS8"])),
  "reuse-private-key": by(Rules.flag, Schema.Boolean),
  "ca-file": by(Rules.fileName, Schema.String),
  "certificate-file": by(Rules.fileName, Schema.String),
  "privatekey-file": by(Rules.fileName, Schema.String),
  "trust-bundle": by(trustBundleName, TrustBundleName),
  "continue-on-not-ready": by(Rules.flag, Schema.Boolean),
  "pod-readiness-gate": by(gates, Schema.Array(ReadinessGate)),
  "combined-file": by(Rules.fileName, Schema.String),
  "chain-file": by(Rules.fileName, Schema.String),
  "fullchain-file": by(Rules.fileName, Schema.String),
  "ca-der-file": by(Rules.fileName, Schema.String),
  "certificate-der-file": by(Rules.fileName, Schema.String),
  "privatekey-der-file": by(Rules.fileName, Schema.String),
  "file-mode": by(Rules.fileMode, Schema.Number),
  "file-owner": by(Rules.integer(0, 4_294_967_294), Schema.Number),
  "fs-group": by(Rules.integer(1, 4_294_967_294), Schema.Number),
  "truststore-passwordless": by(Rules.flag, Schema.Boolean),
  "pkcs12-enable": by(Rules.flag, Schema.Boolean),
  "pkcs12-filename": by(Rules.fileName, Schema.String),
  "pkcs12-password": by(Rules.password, Schema.String),
  "pkcs12-password-from": by(Rules.passwordSource, PasswordSource),
  "pkcs12-password-file": by(Rules.fileName, Schema.String),
  "pkcs12-profile": by(Rules.oneOf(pkcs12Profiles), Schema.Literals(pkcs12Profiles)),
  "pkcs12-alias": by(Rules.alias, Schema.String),
  "pkcs12-truststore-filename": by(Rules.fileName, Schema.String),
  "jks-enable": by(Rules.flag, Schema.Boolean),
  "jks-filename": by(Rules.fileName, Schema.String),
  "jks-password": by(Rules.password, Schema.String),
  "jks-password-from": by(Rules.passwordSource, PasswordSource),
  "jks-password-file": by(Rules.fileName, Schema.String),
  "jks-alias": by(Rules.alias, Schema.String),
  "jks-truststore-filename": by(Rules.fileName, Schema.String),
  "truststore-enable": by(Rules.flag, Schema.Boolean)
})
/** What a pod wrote, read one by one. */
export type Attributes = typeof Attributes.Type
/** An attribute's name, without the prefix. */
export type AttributeName = keyof Attributes
/** A kind of keystore, as its attributes begin. */
export type KeystoreKind = "pkcs12" | "jks"

/** The single subject attributes in the order of their encoding (Go's pkix.Name), with their types. */
export const subjectTypes = [
  ["countries", attributeTypes.C],
  ["provinces", attributeTypes.ST],
  ["localities", attributeTypes.L],
  ["streetaddresses", attributeTypes.STREET],
  ["postalcodes", attributeTypes.POSTALCODE],
  ["organizations", attributeTypes.O],
  ["organizationalunits", attributeTypes.OU],
  ["common-name", attributeTypes.CN],
  ["serialnumber", attributeTypes.SERIALNUMBER]
] as const

const sanNames = ["dns-names", "ip-sans", "uri-sans", "email-sans"] as const

/** The attributes that may hold what the API server shows of a pod: its subject and its names, which can wait. */
export const followingNames: ReadonlyArray<string> = [
  ...subjectTypes.map(([name]) => name).filter((name) => name !== "serialnumber"),
  "literal-subject",
  ...sanNames,
  "other-names"
]

/** The keys that have a meaning, without their prefix. */
export const attributeNames: ReadonlyArray<string> = Object.keys(Attributes.fields)

const csvNames = [
  "organizations",
  "organizationalunits",
  "countries",
  "provinces",
  "localities",
  "streetaddresses",
  "postalcodes",
  "other-names"
] as const

/** The attributes whose values count as names of a certificate. */
export const namingAttributes: ReadonlyArray<AttributeName> = [
  ...sanNames,
  ...csvNames,
  "literal-subject",
  ...constraintNames
]

const lists: ReadonlyArray<string> = [...sanNames, ...constraintNames, "key-usages", "pod-readiness-gate"]
const csvLists: ReadonlyArray<string> = csvNames

/** What divides the text of an attribute into parts. */
export const structureOf = (name: string): Structure => {
  if (name === "literal-subject") return "name"
  if (csvLists.includes(name)) return "csv"
  return lists.includes(name) ? "list" : "text"
}
