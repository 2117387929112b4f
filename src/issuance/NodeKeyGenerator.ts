/**
 * The live side of `KeyGenerator`: Node's cryptography. RSA keys are made on Node's thread pool, because one takes a core for a
 * tenth of a second and more and must never block the event loop; keys of curves are made on the spot. Keys are extractable, because they have to reach the
 * pod's volume; they leave this module as DER inside a Redacted, and nowhere else.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  KeyObject,
  sign,
  webcrypto
} from "node:crypto"
import { Effect, Layer, Metric, Redacted } from "effect"
import { gaugeDuring } from "../gaugeDuring.ts"
import type { KeyParameters } from "../VolumeSpec.ts"
import { KeyError, KeyGenerator, type PrivateKey } from "./KeyGenerator.ts"

type Parameters = RsaHashedKeyGenParams | EcKeyGenParams | Algorithm

// The hash is part of an RSA CryptoKey, and grows with the modulus as cert-manager has it.
const rsaHash = (bits: number): string => (bits >= 4096 ? "SHA-512" : bits >= 3072 ? "SHA-384" : "SHA-256")

const webParameters = (parameters: KeyParameters): Parameters => {
  switch (parameters.algorithm) {
    case "RSA":
      return {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: parameters.size,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: rsaHash(parameters.size)
      }
    case "ECDSA":
      return { name: "ECDSA", namedCurve: `P-${parameters.size}` }
    case "Ed25519":
      return { name: "Ed25519" }
  }
}

// A live edge: Node's WebCrypto and the DOM's are the same interface, declared twice.
const web = webcrypto as unknown as Crypto
const asNode = (key: CryptoKey): KeyObject => KeyObject.from(key as webcrypto.CryptoKey)
const asWeb = (key: KeyObject, parameters: KeyParameters, usage: "sign" | "verify"): CryptoKey =>
  key.toCryptoKey(webParameters(parameters) as webcrypto.RsaHashedImportParams, true, [usage]) as CryptoKey

const derOf = (key: KeyObject, type: "pkcs8" | "spki"): Uint8Array<ArrayBuffer> =>
  new Uint8Array(key.export({ format: "der", type }))

/** Ed25519 hashes by itself. */
const hashOf = (algorithm: AlgorithmIdentifier | EcdsaParams, key: KeyObject): string | null => {
  if (key.asymmetricKeyType === "ed25519" || typeof algorithm === "string" || !("hash" in algorithm)) return null
  return typeof algorithm.hash === "string" ? algorithm.hash : algorithm.hash.name
}

/**
 * WebCrypto for keys of elliptic curves, in which exporting and signing answer at once: each takes some hundredths of a
 * millisecond, and a trip through the thread pool of a busy node takes far more. All else is WebCrypto's own.
 */
const prompt: Crypto = {
  subtle: {
    digest: (algorithm: AlgorithmIdentifier, data: BufferSource) => web.subtle.digest(algorithm, data),
    exportKey: (format: "pkcs8" | "spki", key: CryptoKey) => Promise.resolve(derOf(asNode(key), format).buffer),
    sign: (algorithm: EcdsaParams, key: CryptoKey, data: BufferSource) =>
      Promise.resolve(
        new Uint8Array(
          sign(hashOf(algorithm, asNode(key)), bytesOf(data), { key: asNode(key), dsaEncoding: "ieee-p1363" })
        ).buffer
      ),
    verify: (algorithm: EcdsaParams, key: CryptoKey, signature: BufferSource, data: BufferSource) =>
      web.subtle.verify(algorithm, key, signature, data)
    // A live edge: the interface is wider than what signing a request needs, and nobody else is given this one.
  } as unknown as SubtleCrypto,
  getRandomValues: (array) => web.getRandomValues(array),
  randomUUID: () => web.randomUUID()
}

const bytesOf = (data: BufferSource): Uint8Array =>
  data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

const describe = (privateKey: KeyObject, parameters: KeyParameters): PrivateKey => {
  const publicKey = createPublicKey(privateKey)
  return {
    parameters,
    keys: { privateKey: asWeb(privateKey, parameters, "sign"), publicKey: asWeb(publicKey, parameters, "verify") },
    crypto: parameters.algorithm === "RSA" ? web : prompt,
    pkcs8: Redacted.make(derOf(privateKey, "pkcs8")),
    spki: derOf(publicKey, "spki")
  }
}

/** Node's thread pool makes four at a time. */
const inThePool = Metric.gauge("certlet_rsa_keys_in_the_making", {
  description: "RSA keys that are being made or wait for a thread; four are made at a time"
})

/** RSA on the thread pool, because it takes a core for a tenth of a second and more; curves at once. */
const makeKey = (parameters: KeyParameters): Effect.Effect<KeyObject, unknown> => {
  switch (parameters.algorithm) {
    case "RSA":
      return gaugeDuring(inThePool)(
        Effect.callback((resume) =>
          generateKeyPair("rsa", { modulusLength: parameters.size }, (error, _, privateKey) =>
            resume(error === null ? Effect.succeed(privateKey) : Effect.fail(error))
          )
        )
      )
    case "ECDSA":
      return Effect.sync(() => generateKeyPairSync("ec", { namedCurve: `P-${parameters.size}` }).privateKey)
    case "Ed25519":
      return Effect.sync(() => generateKeyPairSync("ed25519").privateKey)
  }
}

/** What a key of these parameters says of itself. */
const fits = (key: KeyObject, parameters: KeyParameters): boolean => {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  switch (parameters.algorithm) {
    case "RSA":
      return key.asymmetricKeyType === "rsa" && modulusLength === parameters.size
    case "ECDSA":
      return key.asymmetricKeyType === "ec" && namedCurve === curves[parameters.size]
    case "Ed25519":
      return key.asymmetricKeyType === "ed25519"
  }
}

/** The curves' names in OpenSSL. */
const curves = { 256: "prime256v1", 384: "secp384r1", 521: "secp521r1" } as const

const readKey = (pkcs8: Uint8Array, parameters: KeyParameters): PrivateKey => {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })
  if (!fits(key, parameters)) throw new Error(`a key of another kind: ${key.asymmetricKeyType}`)
  return describe(key, parameters)
}

const keyGenerator = KeyGenerator.of({
  generate: Effect.fn("KeyGenerator.generate")((parameters: KeyParameters) =>
    makeKey(parameters).pipe(
      Effect.map((key) => describe(key, parameters)),
      Effect.catchDefect((cause: unknown) => Effect.fail(cause)),
      Effect.mapError((cause) => new KeyError({ reason: "Failed", cause }))
    )
  ),
  restore: Effect.fn("KeyGenerator.restore")((pkcs8: Redacted.Redacted<Uint8Array>, parameters: KeyParameters) =>
    Effect.try({
      try: () => readKey(Redacted.value(pkcs8), parameters),
      catch: (cause) => new KeyError({ reason: "Corrupt", cause })
    })
  )
})

/** Keys from Node's own cryptography. */
export const layer: Layer.Layer<KeyGenerator> = Layer.effect(
  KeyGenerator,
  Effect.as(Metric.modify(inThePool, 0), keyGenerator)
)
