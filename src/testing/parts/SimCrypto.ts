/**
 * A WebCrypto that answers before the clock can move: every promise it returns has already been resolved, so that X.509
 * can be made for real under a virtual clock. It knows P-256 with SHA-256 (in JavaScript, RFC 6979) and Ed25519 (Node's
 * own, twenty times as fast). Keys come from bytes that the caller draws, and signatures are deterministic: the same
 * seed gives the same bytes. It is for simulations; nothing here is hardened against an observer.
 */
import * as crypto from "node:crypto"
import { p256 } from "@noble/curves/nist.js"
import { sha1 } from "@noble/hashes/legacy.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js"
import type { SignatureAlgorithm } from "../../issuance/KeyGenerator.ts"

/** The kinds of keys that a simulation can have. */
export type SimKeyKind = "P-256" | "Ed25519"

/** A CryptoKey that carries its own bytes: the private half its secret, both their public half's SPKI. */
interface SimKey extends CryptoKey {
  readonly kind: SimKeyKind
  readonly secret: Uint8Array
  /** SubjectPublicKeyInfo, DER (RFC 5280). */
  readonly spki: Uint8Array
}

/** What the kinds differ in. Prefixes are the DER up to the key itself (RFC 5480, RFC 5958, RFC 5915, RFC 8410). */
interface Kind {
  readonly algorithm: KeyAlgorithm
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly spkiPrefix: Uint8Array
  readonly pkcs8: (key: SimKey) => Uint8Array
  readonly publicHalf: (secret: Uint8Array) => Uint8Array
  readonly sign: (data: Uint8Array, key: SimKey) => Uint8Array
  readonly verify: (signature: Uint8Array, data: Uint8Array, key: SimKey) => boolean
}

const p256Pkcs8 = hexToBytes("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420")
/** What stands between the scalar and the point. */
const p256Middle = hexToBytes("a144034200")
const ed25519Pkcs8 = hexToBytes("302e020100300506032b657004220420")

/** Whether a signature is good is the same whoever looks, and Node looks fifty times as fast. */
const nodePublicKey = ({ spki }: SimKey): crypto.KeyObject =>
  crypto.createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" })

const pointOf = (key: SimKey): Uint8Array => key.spki.slice(kinds[key.kind].spkiPrefix.length)
/** Node's forms of an Ed25519 pair, by the secret. */
interface NodePair {
  readonly privateKey: crypto.KeyObject
  readonly publicHalf: Uint8Array
}

const pairs = new Map<string, NodePair>()
/** A request that is tried again for days restores its key each time. */
const pairsKept = 1000

const nodePair = (secret: Uint8Array): NodePair => {
  const name = bytesToHex(secret)
  const known = pairs.get(name)
  if (known !== undefined) return known
  const der = Buffer.from(concatBytes(ed25519Pkcs8, secret))
  const privateKey = crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  const spki = crypto.createPublicKey(privateKey).export({ format: "der", type: "spki" })
  const made = { privateKey, publicHalf: new Uint8Array(spki.subarray(-32)) }
  if (pairs.size >= pairsKept) pairs.clear()
  pairs.set(name, made)
  return made
}

const kinds: Readonly<Record<SimKeyKind, Kind>> = {
  "P-256": {
    // The interface of WebCrypto names only what all algorithms share.
    algorithm: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as EcKeyAlgorithm,
    signatureAlgorithm: "ecdsa-with-SHA256",
    spkiPrefix: hexToBytes("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
    pkcs8: (key) => concatBytes(p256Pkcs8, key.secret, p256Middle, pointOf(key)),
    publicHalf: (secret) => p256.getPublicKey(secret, false),
    sign: (data, key) => p256.sign(sha256(data), key.secret, { prehash: false, lowS: false }),
    verify: (signature, data, key) =>
      crypto.verify("sha256", data, { key: nodePublicKey(key), dsaEncoding: "ieee-p1363" }, signature)
  },
  Ed25519: {
    algorithm: { name: "Ed25519" },
    signatureAlgorithm: "id-Ed25519",
    spkiPrefix: hexToBytes("302a300506032b6570032100"),
    pkcs8: (key) => concatBytes(ed25519Pkcs8, key.secret),
    publicHalf: (secret) => nodePair(secret).publicHalf,
    sign: (data, key) => new Uint8Array(crypto.sign(null, data, nodePair(key.secret).privateKey)),
    verify: (signature, data, key) => crypto.verify(null, data, nodePublicKey(key), signature)
  }
}

const bytesOf = (source: BufferSource): Uint8Array =>
  source instanceof ArrayBuffer
    ? new Uint8Array(source)
    : new Uint8Array(source.buffer, source.byteOffset, source.byteLength)

/** A buffer that holds these bytes and nothing else. */
const bufferOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

const half = (
  kind: SimKeyKind,
  type: "private" | "public",
  spki: Uint8Array,
  secret: Uint8Array = new Uint8Array(0)
): SimKey => ({
  type,
  extractable: true,
  usages: [type === "private" ? "sign" : "verify"],
  algorithm: kinds[kind].algorithm,
  kind,
  secret,
  spki
})

const pairOf = (kind: SimKeyKind, secret: Uint8Array): CryptoKeyPair => {
  const spki = concatBytes(kinds[kind].spkiPrefix, kinds[kind].publicHalf(secret))
  return { privateKey: half(kind, "private", spki, secret), publicKey: half(kind, "public", spki) }
}

/** A key pair from 32 bytes of randomness; bytes that are no scalar of the curve are hashed until they are. */
export const simKeyPair = (bytes: Uint8Array, kind: SimKeyKind = "P-256"): CryptoKeyPair => {
  let secret = sha256(bytes)
  while (kind === "P-256" && !p256.utils.isValidSecretKey(secret)) secret = sha256(secret)
  return pairOf(kind, secret)
}

// A live edge: WebCrypto hands keys around as opaque CryptoKeys, and these are only ever the ones made above.
const simKey = (key: CryptoKey): SimKey => key as SimKey

/** PKCS#8 of a simulated pair, DER. */
export const simPkcs8 = ({ privateKey }: CryptoKeyPair): Uint8Array<ArrayBuffer> =>
  new Uint8Array(kinds[simKey(privateKey).kind].pkcs8(simKey(privateKey)))

/** SubjectPublicKeyInfo of a simulated pair, DER. */
export const simSpki = ({ publicKey }: CryptoKeyPair): Uint8Array<ArrayBuffer> => new Uint8Array(simKey(publicKey).spki)

/** How a simulated pair signs. */
export const simSignatureAlgorithm = ({ privateKey }: CryptoKeyPair): SignatureAlgorithm =>
  kinds[simKey(privateKey).kind].signatureAlgorithm

/** A signature as X.509 has it: of ECDSA two numbers in DER, where WebCrypto has them one after the other. */
export const simSign = ({ privateKey }: CryptoKeyPair, data: Uint8Array): Uint8Array => {
  const { kind } = simKey(privateKey)
  const signature = kinds[kind].sign(data, simKey(privateKey))
  return kind === "P-256" ? p256.Signature.fromBytes(signature, "compact").toBytes("der") : signature
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean => prefix.every((byte, i) => bytes[i] === byte)

/** The pair whose PKCS#8 was kept; undefined where the bytes are none of ours. */
export const simPairFromPkcs8 = (pkcs8: Uint8Array): CryptoKeyPair | undefined => {
  if (pkcs8.length === ed25519Pkcs8.length + 32 && startsWith(pkcs8, ed25519Pkcs8)) {
    return pairOf("Ed25519", pkcs8.slice(ed25519Pkcs8.length))
  }
  const secret = pkcs8.slice(p256Pkcs8.length, p256Pkcs8.length + 32)
  if (pkcs8.length !== 138 || !startsWith(pkcs8, p256Pkcs8) || !p256.utils.isValidSecretKey(secret)) return undefined
  return pairOf("P-256", secret)
}

const exportKey = (format: KeyFormat, key: CryptoKey): Promise<ArrayBuffer> => {
  const sim = simKey(key)
  return Promise.resolve(bufferOf(format === "spki" ? sim.spki : kinds[sim.kind].pkcs8(sim)))
}

const importKey = (format: KeyFormat, data: BufferSource): Promise<CryptoKey> => {
  const bytes = new Uint8Array(bytesOf(data))
  if (format === "spki") {
    const kind = startsWith(bytes, kinds.Ed25519.spkiPrefix) ? "Ed25519" : "P-256"
    return Promise.resolve(half(kind, "public", bytes))
  }
  const pair = simPairFromPkcs8(bytes)
  return pair === undefined ? Promise.reject(new TypeError("not a simulated key")) : Promise.resolve(pair.privateKey)
}

const sign = (_: unknown, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> =>
  Promise.resolve(bufferOf(kinds[simKey(key).kind].sign(bytesOf(data), simKey(key))))

const verify = (_: unknown, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean> =>
  Promise.resolve(kinds[simKey(key).kind].verify(bytesOf(signature), bytesOf(data), simKey(key)))

/** SHA-1 is here because key identifiers are made with it (RFC 5280, 4.2.1.2); nothing is signed with it. */
const digest = (name: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
  const hash = (typeof name === "string" ? name : name.name).toUpperCase() === "SHA-1" ? sha1 : sha256
  return Promise.resolve(bufferOf(hash(bytesOf(data))))
}

/** The simulation's WebCrypto. Whatever is not here is not asked for by X.509. */
export const simCrypto: Crypto = {
  // A live edge: the interface of WebCrypto is far wider than what signing and hashing a certificate needs.
  subtle: { digest, exportKey, importKey, sign, verify } as unknown as SubtleCrypto,
  getRandomValues: (array) => array,
  randomUUID: () => "00000000-0000-4000-8000-000000000000"
}
