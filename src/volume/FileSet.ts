/**
 * The files of one issue, as a value: names, bytes and modes, before anything touches a disk. Pure: from the spec, the key
 * and the issuer's answer to the set of files that the pod will see, and, for a key that is to be used again, the way back.
 * A set is written whole or not at all, so whatever belongs together belongs into one set.
 */
import "reflect-metadata"
import { PrivateKey, PrivateKeyInfo } from "@peculiar/asn1-pkcs8"
import { RSAPrivateKey } from "@peculiar/asn1-rsa"
import { AsnConvert } from "@peculiar/asn1-schema"
import { AlgorithmIdentifier } from "@peculiar/asn1-x509"
import { PemConverter } from "@peculiar/x509"
import { Option, Redacted, Result } from "effect"
import type { KeyEncoding, VolumeSpec } from "../VolumeSpec.ts"

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

/** Owner and group read, nobody writes: the files are replaced, never changed. */
const readable = 0o440

/** rsaEncryption (RFC 8017, A.1). */
const rsa = "1.2.840.113549.1.1.1"
const labels = { PKCS1: "RSA PRIVATE KEY", PKCS8: "PRIVATE KEY" } as const

const encodeKey = (pkcs8: Uint8Array, encoding: KeyEncoding): string => {
  const der = encoding === "PKCS8" ? new Uint8Array(pkcs8) : AsnConvert.parse(pkcs8, PrivateKeyInfo).privateKey.buffer
  return `${PemConverter.encode(der, labels[encoding])}\n`
}

const file = (name: string, text: string): File => ({
  name,
  content: Redacted.make(new TextEncoder().encode(text)),
  mode: readable
})

/** The files of one issue, under the names that the spec gives them; `ca` is an empty file where the issuer names none. */
export const fileSet = (spec: VolumeSpec, { privateKey, signed }: Material): FileSet => [
  file(spec.files.ca, signed.ca),
  file(spec.files.certificate, signed.certificate),
  file(spec.files.privateKey, encodeKey(Redacted.value(privateKey), spec.keyEncoding))
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

/** The first block as PKCS#8, nothing where it is no key; throws where it is damaged. */
const readKey = (text: string): Redacted.Redacted<Uint8Array> | undefined => {
  const [block] = PemConverter.decodeWithHeaders(text)
  if (block?.type === labels.PKCS1) {
    return Redacted.make(new Uint8Array(asPkcs8(AsnConvert.serialize(AsnConvert.parse(block.rawData, RSAPrivateKey)))))
  }
  if (block?.type !== labels.PKCS8) return undefined
  AsnConvert.parse(block.rawData, PrivateKeyInfo)
  return Redacted.make(new Uint8Array(block.rawData))
}

const asPkcs8 = (pkcs1: ArrayBuffer): ArrayBuffer =>
  AsnConvert.serialize(
    new PrivateKeyInfo({
      privateKeyAlgorithm: new AlgorithmIdentifier({ algorithm: rsa, parameters: null }),
      privateKey: new PrivateKey(pkcs1)
    })
  )
