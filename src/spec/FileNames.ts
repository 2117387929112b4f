/**
 * How the files of a volume are called: what the attributes say, and the defaults where they say nothing. Pure. Every
 * file that a volume will have is known here before anything is made, so that two files that would have the same name
 * are refused at the attribute that has to change.
 */
import { Result } from "effect"
import { fileName } from "./AttributeRules.ts"
import type { AttributeName, Attributes, KeystoreKind } from "./Attributes.ts"
import { quoted } from "./Rule.ts"
import type { BrokenRule } from "./SpecError.ts"

/** The names of the volume's files; the last six are there only where they are asked for. */
export interface FileNames {
  readonly ca: string
  readonly certificate: string
  readonly privateKey: string
  /** Key and chain in one file, PEM. */
  readonly combined?: string | undefined
  /** The chain without its leaf, PEM. */
  readonly chain?: string | undefined
  /** The chain and the CA behind it, PEM. */
  readonly fullChain?: string | undefined
  readonly caDer?: string | undefined
  readonly certificateDer?: string | undefined
  readonly privateKeyDer?: string | undefined
}

/** The names of the files that every volume has, defaults filled in, and of those that only some have. */
export const filesOf = (attributes: Attributes): FileNames => ({
  ca: attributes["ca-file"] ?? "ca.crt",
  certificate: attributes["certificate-file"] ?? "tls.crt",
  privateKey: attributes["privatekey-file"] ?? "tls.key",
  combined: attributes["combined-file"],
  chain: attributes["chain-file"],
  fullChain: attributes["fullchain-file"],
  caDer: attributes["ca-der-file"],
  certificateDer: attributes["certificate-der-file"],
  privateKeyDer: attributes["privatekey-der-file"]
})

/**
 * The names of a keystore's files, defaults filled in; its truststore's and its password's where there are such files.
 */
export const keystoreFilesOf = (attributes: Attributes, kind: KeystoreKind) => {
  const extension = kind === "jks" ? "jks" : "p12"
  const keystore = attributes[`${kind}-filename`] ?? `keystore.${extension}`
  return {
    keystore,
    truststore:
      attributes["truststore-enable"] === true
        ? (attributes[`${kind}-truststore-filename`] ?? `truststore.${extension}`)
        : undefined,
    password:
      attributes[`${kind}-password-from`]?._tag === "Generated"
        ? (attributes[`${kind}-password-file`] ?? `${keystore}.password`)
        : undefined
  }
}

/** Every file that the volume will have, with the attribute that names it. */
const fileNames = (attributes: Attributes): ReadonlyArray<readonly [AttributeName, string]> => {
  const files = filesOf(attributes)
  const ofKeystore = (kind: KeystoreKind): ReadonlyArray<readonly [AttributeName, string | undefined]> => {
    const { keystore, password, truststore } = keystoreFilesOf(attributes, kind)
    if (attributes[`${kind}-enable`] !== true) return []
    return [
      [`${kind}-filename`, keystore],
      [`${kind}-truststore-filename`, truststore],
      [`${kind}-password-file`, password]
    ]
  }
  const named: ReadonlyArray<readonly [AttributeName, string | undefined]> = [
    ["ca-file", files.ca],
    ["privatekey-file", files.privateKey],
    ["certificate-file", files.certificate],
    ["combined-file", files.combined],
    ["chain-file", files.chain],
    ["fullchain-file", files.fullChain],
    ["ca-der-file", files.caDer],
    ["certificate-der-file", files.certificateDer],
    ["privatekey-der-file", files.privateKeyDer],
    ...ofKeystore("pkcs12"),
    ...ofKeystore("jks")
  ]
  return named.flatMap(([attribute, name]) => (name === undefined ? [] : [[attribute, name] as const]))
}

/** Every file has a name of its own; the attribute that is read later is the one to change. */
export const brokenFileNames = (attributes: Attributes): BrokenRule<AttributeName> | undefined => {
  const taken = new Set<string>()
  for (const [attribute, name] of fileNames(attributes)) {
    if (taken.has(name))
      return [attribute, `must be different from the names of the other files, but two are ${quoted(name)}`]
    taken.add(name)
    // A password's file is named after its keystore where it has no name of its own.
    if (Result.isFailure(fileName(name))) return [attribute, `is too long for ${quoted(name)}`]
  }
  return undefined
}
