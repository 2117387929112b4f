/**
 * Encryption and authentication under a password, as PKCS#12 keystores have it: the old schemes of RFC 7292, appendix
 * C, and PBES2 of RFC 8018 with PBMAC1 of RFC 9579. Pure: salts and vectors are drawn by the caller. The iterations are
 * OpenSSL's default; more would cost a node's core and protect nobody, because the same key stands in clear next to the
 * keystore, in the pod's own memory.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha1 } from "@noble/hashes/legacy.js"
import { pbkdf2 } from "@noble/hashes/pbkdf2.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { type CbcCipher, encryptCbc } from "./Ciphers.ts"
import { type DerValue, integer, nothing, octets, oid, sequence } from "./Der.ts"

/** Rounds of every derivation. */
const iterations = 2048

/** A text as PKCS#12 hashes passwords: UTF-16, big end first, with a closing zero (RFC 7292, B.1). */
const bmp = (text: string): Uint8Array => {
  const bytes = new Uint8Array(2 * text.length + 2)
  for (let i = 0; i < text.length; i++) {
    bytes[2 * i] = text.charCodeAt(i) >> 8
    bytes[2 * i + 1] = text.charCodeAt(i) & 0xff
  }
  return bytes
}

/** SHA-1 and SHA-256 work on blocks of 64 bytes. */
const blockLength = 64

/** As many copies as fill whole blocks; of nothing, nothing. */
const filled = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(
    { length: bytes.length === 0 ? 0 : blockLength * Math.ceil(bytes.length / blockLength) },
    (_, at) => bytes[at % bytes.length] ?? 0
  )

/** Adds `b + 1` to each block, in place, as one number of 64 bytes. */
const addToBlocks = (blocks: Uint8Array, b: Uint8Array): void => {
  for (let start = 0; start < blocks.length; start += blockLength) {
    let carry = 1
    for (let i = blockLength - 1; i >= 0; i--) {
      carry += (blocks[start + i] ?? 0) + (b[i] ?? 0)
      blocks[start + i] = carry & 0xff
      carry >>= 8
    }
  }
}

type Hash = typeof sha1 | typeof sha256

/** What the derived bytes are for (RFC 7292, B.3). */
type Purpose = 1 | 2 | 3
const forKey: Purpose = 1
const forVector: Purpose = 2
const forMac: Purpose = 3

/** PKCS#12's own derivation (RFC 7292, B.2). */
const derive = (hash: Hash, purpose: Purpose, password: string, salt: Uint8Array, length: number): Uint8Array => {
  const blocks = Uint8Array.of(...filled(salt), ...filled(bmp(password)))
  const derived = new Uint8Array(length)
  for (let at = 0; at < length; at += hash.outputLen) {
    let round = hash(Uint8Array.of(...new Uint8Array(blockLength).fill(purpose), ...blocks))
    for (let i = 1; i < iterations; i++) round = hash(round)
    derived.set(round.subarray(0, Math.min(hash.outputLen, length - at)), at)
    addToBlocks(blocks, filled(round))
  }
  return derived
}

/** A scheme: `pbeWithSHAAnd40BitRC2-CBC`, `pbeWithSHAAnd3-KeyTripleDES-CBC`, or PBES2 with AES-256-CBC. */
export type Scheme = CbcCipher

/** How many random bytes an encryption takes: salt, and for PBES2 the vector behind it. */
export const saltLength = (scheme: Scheme): number => (scheme === "AES-256" ? 32 : 8)

const oids = {
  "RC2-40": "1.2.840.113549.1.12.1.6",
  "3DES": "1.2.840.113549.1.12.1.3",
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  pbmac1: "1.2.840.113549.1.5.14",
  hmacSha256: "1.2.840.113549.2.9",
  aes256Cbc: "2.16.840.1.101.3.4.1.42",
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1"
} as const

/** Something encrypted, and the AlgorithmIdentifier that says how. */
export interface Encrypted {
  readonly algorithm: DerValue
  readonly content: Uint8Array
}

const hmacWithSha256 = (): DerValue => sequence(oid(oids.hmacSha256), nothing())

/** PBKDF2 with HMAC-SHA-256 over the password's UTF-8 (RFC 8018, 5.2): a key of 32 bytes, and how it was derived. */
const derived = (password: string, salt: Uint8Array): readonly [key: Uint8Array, derivation: DerValue] => [
  pbkdf2(sha256, new TextEncoder().encode(password), salt, { c: iterations, dkLen: 32 }),
  sequence(oid(oids.pbkdf2), sequence(octets(salt), integer(iterations), integer(32), hmacWithSha256()))
]

/** PBES2 (RFC 8018, 6.2) with AES-256-CBC. */
const pbes2 = (password: string, random: Uint8Array, plain: Uint8Array): Encrypted => {
  const [salt, iv] = [random.slice(0, 16), random.slice(16)]
  const [key, derivation] = derived(password, salt)
  const encryption = sequence(oid(oids.aes256Cbc), octets(iv))
  return {
    algorithm: sequence(oid(oids.pbes2), sequence(derivation, encryption)),
    content: encryptCbc("AES-256", key, iv, plain)
  }
}

/** Encrypts under a password with these random bytes (`saltLength` of them). */
export const encrypted = (scheme: Scheme, password: string, random: Uint8Array, plain: Uint8Array): Encrypted => {
  if (scheme === "AES-256") return pbes2(password, random, plain)
  const key = derive(sha1, forKey, password, random, scheme === "RC2-40" ? 5 : 24)
  const iv = derive(sha1, forVector, password, random, 8)
  return {
    algorithm: sequence(oid(oids[scheme]), sequence(octets(random), integer(iterations))),
    content: encryptCbc(scheme, key, iv, plain)
  }
}

/** How a keystore is authenticated: by PKCS#12's own derivation with this hash, or by PBMAC1 with SHA-256. */
export type Mac = "sha1" | "sha256" | "pbmac1"

/** PBMAC1 in MacData (RFC 9579): salt and rounds stand in the algorithm, and the old field for a salt is a filler. */
const pbmac1 = (password: string, salt: Uint8Array, content: Uint8Array): DerValue => {
  const [key, derivation] = derived(password, salt)
  const algorithm = sequence(oid(oids.pbmac1), sequence(derivation, hmacWithSha256()))
  const filler = octets(new TextEncoder().encode("NOT USED"))
  return sequence(sequence(algorithm, octets(hmac(sha256, key, content))), filler)
}

/** MacData (RFC 7292, 4): what authenticates the content under a password. */
export const macData = (hash: Mac, password: string, salt: Uint8Array, content: Uint8Array): DerValue => {
  if (hash === "pbmac1") return pbmac1(password, salt, content)
  const digest = hash === "sha1" ? sha1 : sha256
  const key = derive(digest, forMac, password, salt, digest.outputLen)
  const algorithm = sequence(oid(oids[hash]), nothing())
  return sequence(sequence(algorithm, octets(hmac(digest, key, content))), octets(salt), integer(iterations))
}
