/**
 * A WebCrypto that knows only P-256 with SHA-256, and answers before the clock can move: every promise it returns has already
 * been resolved, so that X.509 can be made for real under a virtual clock. Keys come from bytes that the caller draws, and
 * signatures are deterministic (RFC 6979): the same seed gives the same bytes. It is for simulations; nothing here is
 * hardened against an observer.
 */
import { p256 } from "@noble/curves/nist.js"
import { sha1 } from "@noble/hashes/legacy.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { hexToBytes } from "@noble/hashes/utils.js"

/** SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480). */
const spkiPrefix = hexToBytes("3059301306072a8648ce3d020106082a8648ce3d030107034200")
/** PrivateKeyInfo of a P-256 key up to its scalar (RFC 5958, RFC 5915). */
const pkcs8Prefix = hexToBytes("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420")
/** What stands between the scalar and the point. */
const pkcs8Middle = hexToBytes("a144034200")

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const

/** A CryptoKey that carries its own bytes: exactly one of the two is there. */
interface SimKey extends CryptoKey {
  readonly scalar?: Uint8Array<ArrayBuffer>
  readonly point?: Uint8Array<ArrayBuffer>
}

const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const bytesOf = (source: BufferSource): Uint8Array<ArrayBuffer> =>
  source instanceof ArrayBuffer
    ? new Uint8Array(source.slice(0))
    : new Uint8Array(new Uint8Array(source.buffer, source.byteOffset, source.byteLength))

const publicKey = (point: Uint8Array): SimKey => ({
  type: "public",
  extractable: true,
  usages: ["verify"],
  algorithm,
  point: join(point)
})

const privateKey = (scalar: Uint8Array): SimKey => ({
  type: "private",
  extractable: true,
  usages: ["sign"],
  algorithm,
  scalar: join(scalar)
})

/** A key pair from 32 bytes of randomness; bytes that are no scalar of the curve are hashed until they are. */
export const simKeyPair = (bytes: Uint8Array): CryptoKeyPair => {
  let scalar = sha256(bytes)
  while (!p256.utils.isValidSecretKey(scalar)) scalar = sha256(scalar)
  return { privateKey: privateKey(scalar), publicKey: publicKey(p256.getPublicKey(scalar, false)) }
}

/** PKCS#8 of a simulated pair, DER. */
export const simPkcs8 = (keys: CryptoKeyPair): Uint8Array<ArrayBuffer> =>
  join(pkcs8Prefix, secretOf(keys.privateKey), pkcs8Middle, pointOf(keys.publicKey))

/** SubjectPublicKeyInfo of a simulated pair, DER. */
export const simSpki = (keys: CryptoKeyPair): Uint8Array<ArrayBuffer> => join(spkiPrefix, pointOf(keys.publicKey))

/** The pair whose PKCS#8 was kept; undefined where the bytes are none of ours. */
export const simPairFromPkcs8 = (pkcs8: Uint8Array): CryptoKeyPair | undefined => {
  const scalar = pkcs8.slice(pkcs8Prefix.length, pkcs8Prefix.length + 32)
  if (pkcs8.length !== 138 || !p256.utils.isValidSecretKey(scalar)) return undefined
  return { privateKey: privateKey(scalar), publicKey: publicKey(p256.getPublicKey(scalar, false)) }
}

// A live edge: WebCrypto hands keys around as opaque CryptoKeys, and these are only ever the ones made above.
const secretOf = (key: CryptoKey): Uint8Array => (key as SimKey).scalar ?? new Uint8Array(32)
const pointOf = (key: CryptoKey): Uint8Array => (key as SimKey).point ?? new Uint8Array(65)

const exportKey = (format: KeyFormat, key: CryptoKey): Promise<ArrayBuffer> => {
  const pair = { privateKey: key, publicKey: key }
  return Promise.resolve((format === "spki" ? simSpki(pair) : simPkcs8(pair)).buffer)
}

const importKey = (format: KeyFormat, data: BufferSource): Promise<CryptoKey> => {
  const bytes = bytesOf(data)
  return Promise.resolve(
    format === "spki" ? publicKey(bytes.slice(spkiPrefix.length)) : privateKey(bytes.slice(pkcs8Prefix.length, 68))
  )
}

const sign = (_: unknown, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> =>
  Promise.resolve(join(p256.sign(sha256(bytesOf(data)), secretOf(key), { prehash: false, lowS: false })).buffer)

const verify = (_: unknown, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean> =>
  Promise.resolve(p256.verify(bytesOf(signature), sha256(bytesOf(data)), pointOf(key), { prehash: false, lowS: false }))

/** SHA-1 is here because key identifiers are made with it (RFC 5280, 4.2.1.2); nothing is signed with it. */
const digest = (name: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
  const hash = (typeof name === "string" ? name : name.name).toUpperCase() === "SHA-1" ? sha1 : sha256
  return Promise.resolve(join(hash(bytesOf(data))).buffer)
}

/** The simulation's WebCrypto. Whatever is not here is not asked for by X.509. */
export const simCrypto: Crypto = {
  // A live edge: the interface of WebCrypto is far wider than what signing and hashing a certificate needs.
  subtle: { digest, exportKey, importKey, sign, verify } as unknown as SubtleCrypto,
  getRandomValues: (array) => array,
  randomUUID: () => "00000000-0000-4000-8000-000000000000"
}
