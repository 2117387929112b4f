/**
 * Java's own keystores (JKS), for programs that cannot be told to read PKCS#12. Pure: time and random bytes are given.
 * The format is the one that the JDK's `sun.security.provider.JavaKeyStore` documents in its source, and the key's
 * protection the one of its `KeyProtector`: a stream of SHA-1 over password and salt. It is weak by today's
 * measure and it is what "JKS" means.
 */
import { sha1 } from "@noble/hashes/legacy.js"
import { concatBytes } from "@noble/hashes/utils.js"
import { der, nothing, octets, oid, sequence } from "./Der.ts"
import type { KeyEntry, KeystoreContent } from "./Pkcs12.ts"

/** How many random bytes a keystore takes. */
export const randomLength = 20

const magic = 0xfeedfeed
const version = 2
const tags = { key: 1, trusted: 2 } as const
/** KeyProtector's algorithm: the JDK's own arc. */
const protectorOid = "1.3.6.1.4.1.42.2.17.1.1"
/** What the store's digest is salted with. */
const whitener = "Mighty Aphrodite"

const int32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
const int64 = (value: number): Uint8Array => concatBytes(int32(Math.floor(value / 2 ** 32)), int32(value % 2 ** 32))
/** A text with its length before it; what is written here is ASCII, which Java's modified UTF-8 leaves as it is. */
const text = (value: string): Uint8Array => {
  const bytes = new TextEncoder().encode(value)
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length), bytes)
}
const sized = (bytes: Uint8Array): Uint8Array => concatBytes(int32(bytes.length), bytes)

/** A password as Java hashes it: its characters, big end first. */
const characters = (password: string): Uint8Array => {
  const bytes = new Uint8Array(2 * password.length)
  for (let i = 0; i < password.length; i++) bytes.set([password.charCodeAt(i) >> 8, password.charCodeAt(i)], 2 * i)
  return bytes
}

/** EncryptedPrivateKeyInfo, DER: salt, the key under the stream, and a digest to tell a right password by. */
const protectedKey = (privateKey: Uint8Array, password: string, salt: Uint8Array): Uint8Array => {
  const secret = characters(password)
  const hidden = new Uint8Array(privateKey.length)
  let stream = salt
  for (let at = 0; at < privateKey.length; at += stream.length) {
    stream = sha1(concatBytes(secret, stream))
    for (let i = 0; i < stream.length && at + i < privateKey.length; i++) {
      hidden[at + i] = (privateKey[at + i] ?? 0) ^ (stream[i] ?? 0)
    }
  }
  const content = concatBytes(salt, hidden, sha1(concatBytes(secret, privateKey)))
  return der(sequence(sequence(oid(protectorOid), nothing()), octets(content)))
}

const certificateEntry = (certificate: Uint8Array): Uint8Array => concatBytes(text("X.509"), sized(certificate))

/** Java looks an alias up in small letters, and finds it only where it is written so. */
const head = (tag: number, alias: string, madeAt: number): Uint8Array =>
  concatBytes(int32(tag), text(alias.toLowerCase()), int64(madeAt))

const keyEntry = ({ alias, chain, privateKey }: KeyEntry, password: string, madeAt: number, salt: Uint8Array) =>
  concatBytes(
    head(tags.key, alias ?? "1", madeAt),
    sized(protectedKey(privateKey, password, salt)),
    int32(chain.length),
    ...chain.map(certificateEntry)
  )

/**
 * A keystore under a password, which is the store's and the key's. `madeAt` is in milliseconds since 1970, `random` is
 * `randomLength` bytes that serve once. Aliases are ASCII.
 */
export const javaKeystore = (
  { key, trusted }: KeystoreContent,
  password: string,
  madeAt: number,
  random: Uint8Array
): Uint8Array => {
  const entries = [
    ...(key === undefined ? [] : [keyEntry(key, password, madeAt, random)]),
    ...trusted.map(({ alias, certificate }) =>
      concatBytes(head(tags.trusted, alias, madeAt), certificateEntry(certificate))
    )
  ]
  const content = concatBytes(int32(magic), int32(version), int32(entries.length), ...entries)
  return concatBytes(content, sha1(concatBytes(characters(password), new TextEncoder().encode(whitener), content)))
}
