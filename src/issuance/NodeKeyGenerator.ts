/**
 * The live side of `KeyGenerator`: Node's WebCrypto. Keys are made on Node's thread pool, so that an RSA key, which takes a
 * core for a tenth of a second and more, never blocks the event loop. Keys are extractable, because they have to reach the
 * pod's volume; they leave this module as DER inside a Redacted, and nowhere else.
 */
import { webcrypto } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
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
const crypto = webcrypto as unknown as Crypto

const { subtle } = crypto

const describe = async (keys: CryptoKeyPair, parameters: KeyParameters): Promise<PrivateKey> => ({
  parameters,
  keys,
  crypto,
  pkcs8: Redacted.make(new Uint8Array(await subtle.exportKey("pkcs8", keys.privateKey))),
  spki: new Uint8Array(await subtle.exportKey("spki", keys.publicKey))
})

const generate = async (parameters: KeyParameters): Promise<PrivateKey> => {
  const keys = await subtle.generateKey(webParameters(parameters), true, ["sign", "verify"])
  if (!("privateKey" in keys)) throw new Error("WebCrypto made no key pair")
  return describe(keys, parameters)
}

/** WebCrypto imports a private key without its public half, which a JWK of it holds. */
const restore = async (pkcs8: Uint8Array, parameters: KeyParameters): Promise<PrivateKey> => {
  const how = webParameters(parameters)
  const privateKey = await subtle.importKey("pkcs8", new Uint8Array(pkcs8), how, true, ["sign"])
  const { crv, e, kty, n, x, y } = await subtle.exportKey("jwk", privateKey)
  const half = Object.fromEntries(Object.entries({ crv, e, kty, n, x, y }).filter(([, value]) => value !== undefined))
  const publicKey = await subtle.importKey("jwk", half, how, true, ["verify"])
  const size = "modulusLength" in privateKey.algorithm ? privateKey.algorithm.modulusLength : undefined
  if (parameters.algorithm === "RSA" && size !== parameters.size) throw new Error(`an RSA key of ${size} bits`)
  return describe({ privateKey, publicKey }, parameters)
}

/** Keys from Node's WebCrypto. */
export const layer = Layer.succeed(KeyGenerator, {
  generate: Effect.fn("KeyGenerator.generate")((parameters: KeyParameters) =>
    Effect.tryPromise({
      try: () => generate(parameters),
      catch: (cause) => new KeyError({ reason: "Failed", cause })
    })
  ),
  restore: Effect.fn("KeyGenerator.restore")((pkcs8: Redacted.Redacted<Uint8Array>, parameters: KeyParameters) =>
    Effect.tryPromise({
      try: () => restore(Redacted.value(pkcs8), parameters),
      catch: (cause) => new KeyError({ reason: "Corrupt", cause })
    })
  )
})
