/**
 * The variables of the chart's ValidatingAdmissionPolicy: what an API server can say of a volume's attributes when an
 * object is applied, in CEL. Booleans, words, durations and numbers come from the attributes' own schema; the rules
 * between attributes that CEL can say stand here. The law is that the policy never refuses what the driver serves, so
 * values with variables, and attributes that others switch off, are left to the driver. `npm run render`
 * writes `chart/files/admission-variables.yaml`; a test holds it to the schema.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { constraintNames } from "../src/spec/NameConstraints.ts"
import { booleanWords } from "../src/spec/Rule.ts"
import { prefix } from "../src/spec/VolumeContext.ts"
import { attributeKinds, type Kind } from "./attributeKinds.ts"

/** Where the variables lie in the chart. */
export const variablesFile = join(import.meta.dirname, "chart/files/admission-variables.yaml")

const listOf = (texts: ReadonlyArray<string>): string => `[${texts.map((text) => JSON.stringify(text)).join(", ")}]`

/** An attribute of the volume `v`; its name is a text of CEL. */
const attribute = (name: string): string => `v.csi.volumeAttributes[${name}]`
const key = (name: string): string => JSON.stringify(prefix + name)
const isOn = (name: string): string =>
  `(${key(name)} in v.csi.volumeAttributes && ${attribute(key(name))} in ${listOf(booleanWords.on)})`
/** Whether an attribute is there and not empty, which is the same as left out. */
const has = (name: string): string => `(${key(name)} in v.csi.volumeAttributes && ${attribute(key(name))}.trim() != "")`
const word = (name: string, otherwise: string): string =>
  `(${has(name)} ? ${attribute(key(name))}.trim().lowerAscii() : ${JSON.stringify(otherwise)})`
/** Nothing is said of a value with a variable. */
const plain = (name: string): string => `!(${has(name)} && ${attribute(key(name))}.contains("$"))`

/** A variable of the policy: a list of sentences about the volumes. */
interface Sentences {
  readonly name: string
  readonly expression: string
}

const value = attribute("p + n")

/** One sentence for each of some attributes whose value is not as it must be. */
const ofEach = (name: string, names: ReadonlyArray<string>, good: string, sentence: string): Sentences => ({
  name,
  expression:
    `variables.volumes.map(v, ["${prefix}"].map(p, ${listOf(names)}.filter(n, (p + n) in v.csi.volumeAttributes && ` +
    `${value} != "" && !${value}.contains("$") && !(${good})).map(n, "volume " + v.name + ": " + p + n + ` +
    `" ${sentence}")).filter(l, size(l) > 0).map(l, l.join("; ")).join("; ")).filter(t, t != "")`
})

/** One sentence for each volume in which attributes do not go together. */
const between = (name: string, bad: string, field: string, sentence: string): Sentences => ({
  name,
  expression: `variables.volumes.filter(v, ${bad}).map(v, "volume " + v.name + ${JSON.stringify(`: ${prefix}${field} ${sentence}`)})`
})

const namesOf = (tag: Kind["_tag"]): ReadonlyArray<string> =>
  attributeKinds.filter(([, kind]) => kind._tag === tag).map(([name]) => name)

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/** A keystore's attributes count where the keystore is enabled. */
const enabled = (name: string): string => {
  const kind = /^(pkcs12|jks)-(?!enable)/.exec(name)?.[1]
  return kind === undefined ? "" : `!${isOn(`${kind}-enable`)} || `
}

const words: ReadonlyArray<Sentences> = attributeKinds.flatMap(([name, kind]) =>
  kind._tag === "Word"
    ? [
        ofEach(
          camelCase(name),
          [name],
          `${enabled(name)}${value}.trim().lowerAscii() in ${listOf(kind.words.map((text) => text.toLowerCase()))}`,
          `must be one of ${kind.words.join(", ")}`
        )
      ]
    : []
)

const duration = "^[+-]?(0|(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|\\u00b5s|\\u03bcs|ms|s|m|h))+)$"

const algorithm = word("key-algorithm", "rsa")
const size = attribute(key("key-size"))
const hasSize = `${has("key-size")} && ${plain("key-algorithm")} && ${size}.matches("^[0-9]{1,9}$")`

const keystores: ReadonlyArray<Sentences> = ["pkcs12", "jks"].flatMap((kind) => [
  between(
    `${kind}PasswordMissing`,
    `${isOn(`${kind}-enable`)} && !(${key(`${kind}-password`)} in v.csi.volumeAttributes) && !${has(`${kind}-password-from`)}`,
    `${kind}-password`,
    `is required with ${kind}-enable`
  ),
  between(
    `${kind}PasswordTwice`,
    `${isOn(`${kind}-enable`)} && ${has(`${kind}-password`)} && ${has(`${kind}-password-from`)}`,
    `${kind}-password-from`,
    `cannot be used with ${kind}-password`
  )
])

const constraints =
  `${listOf(constraintNames)}.exists(n, (${JSON.stringify(prefix)} + n) in v.csi.volumeAttributes && ` +
  `${attribute(`${JSON.stringify(prefix)} + n`)}.trim() != "" && !${attribute(`${JSON.stringify(prefix)} + n`)}.contains("$"))`

const sentences: ReadonlyArray<Sentences> = [
  ofEach(
    "booleans",
    namesOf("Boolean"),
    `${value} in ${listOf([...booleanWords.on, ...booleanWords.off])}`,
    "must be 'true' or 'false'"
  ),
  ofEach(
    "durations",
    namesOf("Duration"),
    `${value}.matches("${duration}")`,
    "must be a duration such as 24h or 1m30s"
  ),
  ofEach("numbers", namesOf("Number"), `${value}.matches("^[+]?[0-9]{1,10}$")`, "must be a whole number"),
  ofEach("fileMode", ["file-mode"], `${value}.matches("^0?[0-7]{3}$")`, "must be an octal mode such as 0440"),
  ...words,
  between(
    "issuerKind",
    `${plain("issuer-kind")} && ${plain("issuer-group")} && ${has("issuer-kind")} && ` +
      `(!${has("issuer-group")} || ${attribute(key("issuer-group"))}.trim() == "cert-manager.io") && ` +
      `!(${attribute(key("issuer-kind"))}.trim() in ["Issuer", "ClusterIssuer"])`,
    "issuer-kind",
    "must be Issuer or ClusterIssuer in the group cert-manager.io"
  ),
  between(
    "rsaSize",
    `${hasSize} && ${algorithm} == "rsa" && (int(${size}) < 2048 || int(${size}) > 8192)`,
    "key-size",
    "must be from 2048 to 8192 for RSA"
  ),
  between(
    "ecdsaSize",
    `${hasSize} && ${algorithm} == "ecdsa" && !(int(${size}) in [256, 384, 521])`,
    "key-size",
    "must be 256, 384 or 521 for ECDSA"
  ),
  between("ed25519Size", `${hasSize} && ${algorithm} == "ed25519"`, "key-size", "must be left out for Ed25519"),
  between(
    "pkcs1",
    `${word("key-encoding", "")} == "pkcs1" && ${algorithm} in ["ecdsa", "ed25519"]`,
    "key-encoding",
    "must be PKCS8 for keys that are not RSA"
  ),
  between(
    "constraints",
    `${constraints} && ${plain("is-ca")} && !${isOn("is-ca")}`,
    "is-ca",
    "must be 'true' where names are permitted or excluded"
  ),
  ...keystores
]

/** The variables as YAML, for a policy whose variable `volumes` has the driver's volumes with their attributes. */
export const admissionVariables = (): string =>
  [...sentences, { name: "faults", expression: sentences.map(({ name }) => `variables.${name}`).join(" + ") }]
    .map(({ expression, name }) => `- name: ${name}\n  expression: >-\n    ${expression}\n`)
    .join("")

if (import.meta.main) writeFileSync(variablesFile, admissionVariables())
