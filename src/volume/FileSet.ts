/**
 * The files of one issue, as a value: names, bytes and modes, before anything touches a disk. Pure: from the spec, the
 * key and the issuer's answer to the set of files that the pod will see, and, for a key that is to be used again, the
 * way back. A set is written whole or not at all, so whatever belongs together belongs into one set.
 */
import { equalBytes } from "@noble/ciphers/utils.js"
import { concatBytes } from "@noble/hashes/utils.js"
import { PrivateKey, PrivateKeyInfo } from "@peculiar/asn1-pkcs8"
import { RSAPrivateKey } from "@peculiar/asn1-rsa"
import { AsnConvert } from "@peculiar/asn1-schema"
import { AlgorithmIdentifier } from "@peculiar/asn1-x509"
import { Option, Redacted, Result } from "effect"
import { readPem, writePem } from "../pki/Pem.ts"
import { limits } from "../spec/Limits.ts"
import type { KeyEncoding, VolumeSpec } from "../spec/VolumeSpec.ts"

/** One file: a plain name without `/`, its bytes, and its permission bits. */
export interface File {
  readonly name: string
  readonly content: Redacted.Redacted<Uint8Array>
  readonly mode: number
}

/** The files of one issue. */
export type FileSet = ReadonlyArray<File>

/** What there is to write: the key as PKCS#8 DER, the chain and the CA as PEM. */
export interface Material {
  readonly privateKey: Redacted.Redacted<Uint8Array>
  readonly signed: { readonly certificate: string; readonly ca: string }
}

/** rsaEncryption (RFC 8017, A.1). */
const rsa = "1.2.840.113549.1.1.1"
const labels = { PKCS1: "RSA PRIVATE KEY", PKCS8: "PRIVATE KEY" } as const

/** The key in the form that the spec asks for; PKCS#1 is for RSA alone, and a simulated key may be of another kind. */
const encodeKey = (pkcs8: Uint8Array, encoding: KeyEncoding) => {
  if (encoding === "PKCS8") return { der: new Uint8Array(pkcs8), label: labels.PKCS8 }
  const { privateKey, privateKeyAlgorithm } = AsnConvert.parse(pkcs8, PrivateKeyInfo)
  return privateKeyAlgorithm.algorithm === rsa
    ? { der: new Uint8Array(privateKey.buffer), label: labels.PKCS1 }
    : { der: new Uint8Array(pkcs8), label: labels.PKCS8 }
}

const keyPem = (pkcs8: Uint8Array, encoding: KeyEncoding): string => {
  const { der, label } = encodeKey(pkcs8, encoding)
  return writePem(label, der)
}

/** The certificates of a PEM text as DER, in their order. What an issuer sent has been checked before it comes here. */
export const certificatesIn = (pem: string): ReadonlyArray<Uint8Array> =>
  Result.getOrElse(readPem(pem, limits.ownFiles), () => []).map(({ der }) => der)

const certificatesPem = (certificates: ReadonlyArray<Uint8Array>): string =>
  certificates.map((der) => writePem("CERTIFICATE", der)).join("")

/** These certificates without those that stand among the others. */
export const without = (
  certificates: ReadonlyArray<Uint8Array>,
  others: ReadonlyArray<Uint8Array>
): ReadonlyArray<Uint8Array> => certificates.filter((one) => !others.some((other) => equalBytes(one, other)))

/** A file with the spec's mode. Its bytes are its own, so that whoever has written it can overwrite them. */
export const fileOf = (spec: VolumeSpec, name: string, content: string | Uint8Array): File => ({
  name,
  content: Redacted.make(typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content)),
  mode: spec.fileMode
})

/** The files that only some volumes ask for; each is made only where it is. */
const extraFiles = (spec: VolumeSpec, { privateKey, signed }: Material): FileSet => {
  const { files, keyEncoding } = spec
  const pkcs8 = Redacted.value(privateKey)
  const chain = () => certificatesIn(signed.certificate)
  const above = () => chain().slice(1)
  const wanted: ReadonlyArray<readonly [string | undefined, () => string | Uint8Array]> = [
    [files.combined, () => keyPem(pkcs8, keyEncoding) + certificatesPem(chain())],
    [files.chain, () => certificatesPem(above())],
    [files.fullChain, () => certificatesPem([...chain(), ...without(certificatesIn(signed.ca), chain())])],
    [files.caDer, () => concatBytes(...certificatesIn(signed.ca))],
    [files.certificateDer, () => concatBytes(...chain().slice(0, 1))],
    [files.privateKeyDer, () => encodeKey(pkcs8, keyEncoding).der]
  ]
  return wanted.flatMap(([name, content]) => (name === undefined ? [] : [fileOf(spec, name, content())]))
}

/**
 * The files of one issue, under the names that the spec gives them; `ca` is an empty file where the issuer names none.
 * Keystores are made elsewhere, because they take passwords and chance.
 */
export const fileSet = (spec: VolumeSpec, material: Material): FileSet => [
  fileOf(spec, spec.files.ca, material.signed.ca),
  fileOf(spec, spec.files.certificate, material.signed.certificate),
  fileOf(spec, spec.files.privateKey, keyPem(Redacted.value(material.privateKey), spec.keyEncoding)),
  ...extraFiles(spec, material)
]

/** The key that a volume holds, as PKCS#8 DER; none where there is none that can be read. */
export const privateKeyOf = (
  spec: VolumeSpec,
  files: ReadonlyMap<string, Redacted.Redacted<Uint8Array>>
): Option.Option<Redacted.Redacted<Uint8Array>> =>
  Option.fromUndefinedOr(files.get(spec.files.privateKey)).pipe(
    Option.map((content) => new TextDecoder().decode(Redacted.value(content))),
    Option.flatMap((text) => Result.getSuccess(Result.try(() => readKey(text)))),
    Option.flatMap(Option.fromUndefinedOr)
  )

/** The CA that a volume holds, PEM. */
export const caOf = (
  spec: VolumeSpec,
  files: ReadonlyMap<string, Redacted.Redacted<Uint8Array>>
): Option.Option<string> => textOf(files, spec.files.ca)

const textOf = (files: ReadonlyMap<string, Redacted.Redacted<Uint8Array>>, name: string): Option.Option<string> =>
  Option.map(Option.fromUndefinedOr(files.get(name)), (content) => new TextDecoder().decode(Redacted.value(content)))

/** What a volume's files were made of; none where they cannot be read. It is what `fileSet` makes the same files of. */
export const materialOf = (
  spec: VolumeSpec,
  files: ReadonlyMap<string, Redacted.Redacted<Uint8Array>>
): Option.Option<Material> => {
  const signed = Option.all({ certificate: textOf(files, spec.files.certificate), ca: caOf(spec, files) })
  return Option.all({ privateKey: privateKeyOf(spec, files), signed })
}

/** The first block as PKCS#8, nothing where it is no key; throws where it is damaged. */
const readKey = (text: string): Redacted.Redacted<Uint8Array> | undefined => {
  const [block] = Result.getOrElse(readPem(text, limits.ownFiles), () => [])
  if (block?.label === labels.PKCS1) {
    return Redacted.make(new Uint8Array(asPkcs8(AsnConvert.serialize(AsnConvert.parse(block.der, RSAPrivateKey)))))
  }
  if (block?.label !== labels.PKCS8) return undefined
  AsnConvert.parse(block.der, PrivateKeyInfo)
  return Redacted.make(block.der)
}

const asPkcs8 = (pkcs1: ArrayBuffer): ArrayBuffer =>
  AsnConvert.serialize(
    new PrivateKeyInfo({
      privateKeyAlgorithm: new AlgorithmIdentifier({ algorithm: rsa, parameters: null }),
      privateKey: new PrivateKey(pkcs1)
    })
  )
