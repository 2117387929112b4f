/**
 * The rules between the attributes of keystores: what a keystore needs, and what has no meaning without one. Pure; what breaks a
 * rule is reported at the attribute that has to change. The rules of single attributes are elsewhere.
 */
import type { AttributeName, Attributes } from "./Attributes.ts"
import type { KeystoreKind } from "./FileNames.ts"

/** What only means something where a keystore of the kind is enabled. */
const attributesOfKeystores = {
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

/** What a keystore of either kind needs, and what has no meaning without it. */
const brokenKeystore = (_: Attributes, kind: KeystoreKind): readonly [AttributeName, string] | undefined => {
  const [enable, password, from, file] = [
    `${kind}-enable`,
    `${kind}-password`,
    `${kind}-password-from`,
    `${kind}-password-file`
  ] as const
  if (_[enable] !== true) {
    const orphan = attributesOfKeystores[kind].find((name) => _[name] !== undefined)
    return orphan === undefined ? undefined : [orphan, `has no meaning unless ${enable} is "true"`]
  }
  if (_[password] !== undefined && _[from] !== undefined) {
    return [from, `must not stand beside ${password}; say once where the password comes from`]
  }
  if (_[password] === undefined && _[from] === undefined) {
    return [password, `is required with ${enable}; write one, or set ${from} to "generate" or "secret:KEY"`]
  }
  if (_[file] !== undefined && _[from]?._tag !== "Generated") {
    return [file, `has no meaning unless ${from} is "generate"; no other password is written to a file`]
  }
  const truststore = `${kind}-truststore-filename` as const
  if (_[truststore] !== undefined && _["truststore-enable"] !== true) {
    return [truststore, 'has no meaning unless truststore-enable is "true"']
  }
  return undefined
}

/** The first of these rules that is broken: the attribute to blame and what to do, or nothing. */
export const brokenKeystores = (_: Attributes): readonly [AttributeName, string] | undefined => {
  const broken = brokenKeystore(_, "pkcs12") ?? brokenKeystore(_, "jks")
  if (broken !== undefined) return broken
  return _["truststore-enable"] === true && _["pkcs12-enable"] !== true && _["jks-enable"] !== true
    ? [
        "truststore-enable",
        'has no meaning unless pkcs12-enable or jks-enable is "true", whose kind and password it takes'
      ]
    : undefined
}
