/**
 * Keys that obey a seed: the simulation's side of `KeyGenerator`. Every key is a real key drawn from Effect's Random,
 * of the one kind that the simulation was given, whatever algorithm the spec asks for: nothing in the programs depends
 * on the algorithm, and the virtual clock cannot wait for RSA. The same seed gives the same keys, byte for byte.
 */
import { Effect, Layer, Redacted } from "effect"
import { KeyError, KeyGenerator, type PrivateKey } from "../../issuance/KeyGenerator.ts"
import type { KeyParameters } from "../../spec/VolumeSpec.ts"
import {
  type SimKeyKind,
  simKeyPair,
  simPairFromPkcs8,
  simPkcs8,
  simSign,
  simSignatureAlgorithm,
  simSpki
} from "./SimCrypto.ts"
import { drawBytes } from "./SimEntropy.ts"

const asPrivateKey = (keys: CryptoKeyPair, parameters: KeyParameters): PrivateKey => ({
  parameters,
  pkcs8: Redacted.make(simPkcs8(keys)),
  spki: simSpki(keys),
  signatureAlgorithm: simSignatureAlgorithm(keys),
  sign: (data) => Effect.sync(() => simSign(keys, data))
})

/** 32 bytes from Effect's Random. */
export const randomBytes: Effect.Effect<Uint8Array> = drawBytes(32)

/** A key generator whose keys are of this kind. */
export const makeSimKeyGenerator = (kind: SimKeyKind) =>
  KeyGenerator.of({
    generate: (parameters) => Effect.map(randomBytes, (bytes) => asPrivateKey(simKeyPair(bytes, kind), parameters)),
    restore: (pkcs8, parameters) => {
      const keys = simPairFromPkcs8(Redacted.value(pkcs8))
      return keys === undefined
        ? Effect.fail(new KeyError({ reason: "Corrupt", cause: "not a simulated key" }))
        : Effect.succeed(asPrivateKey(keys, parameters))
    }
  })

/** The simulated key generator, with keys on P-256. */
export const layer = Layer.succeed(KeyGenerator, makeSimKeyGenerator("P-256"))
