/**
 * The rules between the attributes of keystores: what a keystore requires, and what requires a keystore. Pure. What
 * breaks a rule is reported at the attribute that has to change. The rules of single attributes are in `Attributes`.
 */
import type { AttributeName, Attributes, KeystoreKind } from "./Attributes.ts"
import type { BrokenRule } from "./SpecError.ts"

/** The attributes that require a keystore of their kind. */
export const keystoreNames = {
  pkcs12: [
    "pkcs12-filename",
    "pkcs12-password",
    "pkcs12-password-from",
    "pkcs12-password-file",
    "pkcs12-profile",
    "pkcs12-alias",
    "pkcs12-truststore-filename"
  ],
  jks: [
    "jks-filename",
    "jks-password",
    "jks-password-from",
    "jks-password-file",
    "jks-alias",
    "jks-truststore-filename"
  ]
} as const

/** The rules of one kind of keystore. */
const brokenKeystore = (attributes: Attributes, kind: KeystoreKind): BrokenRule<AttributeName> | undefined => {
  const [enable, password, from, file] = [
    `${kind}-enable`,
    `${kind}-password`,
    `${kind}-password-from`,
    `${kind}-password-file`
  ] as const
  if (attributes[enable] !== true) {
    const orphan = keystoreNames[kind].find((name) => attributes[name] !== undefined)
    return orphan === undefined ? undefined : [orphan, `requires ${enable}: "true"`]
  }
  if (attributes[password] !== undefined && attributes[from] !== undefined) {
    return [from, `cannot be used with ${password}; use one of the two`]
  }
  if (attributes[password] === undefined && attributes[from] === undefined) {
    return [password, `is required with ${enable}; set it, or set ${from} to "generate" or "secret:KEY"`]
  }
  if (attributes[file] !== undefined && attributes[from]?._tag !== "Generated") {
    return [file, `requires ${from}: "generate"; no other password is written to a file`]
  }
  const truststore = `${kind}-truststore-filename` as const
  if (attributes[truststore] !== undefined && attributes["truststore-enable"] !== true) {
    return [truststore, 'requires truststore-enable: "true"']
  }
  return undefined
}

/** The rules that are broken: one of each kind of keystore, or that of truststores. */
export const brokenKeystores = (attributes: Attributes): ReadonlyArray<BrokenRule<AttributeName>> => {
  const broken = (["pkcs12", "jks"] as const)
    .map((kind) => brokenKeystore(attributes, kind))
    .filter((rule) => rule !== undefined)
  return broken.length > 0 ? broken : [...brokenTruststore(attributes), ...brokenOpenTruststore(attributes)]
}

const brokenOpenTruststore = (attributes: Attributes): ReadonlyArray<BrokenRule<AttributeName>> =>
  attributes["truststore-passwordless"] === true && attributes["truststore-enable"] !== true
    ? [["truststore-passwordless", 'requires truststore-enable: "true"']]
    : []

const brokenTruststore = (attributes: Attributes): ReadonlyArray<BrokenRule<AttributeName>> =>
  attributes["truststore-enable"] === true && attributes["pkcs12-enable"] !== true && attributes["jks-enable"] !== true
    ? [
        [
          "truststore-enable",
          'requires pkcs12-enable: "true" or jks-enable: "true"; the truststore has the same kind and password'
        ]
      ]
    : []
