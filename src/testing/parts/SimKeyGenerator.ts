/**
 * Keys that obey a seed: the simulation's side of `KeyGenerator`. Every key is a real key drawn from Effect's Random,
 * of the one kind that the simulation was given, whatever algorithm the spec asks for: nothing in the programs depends
 * on the algorithm, and the virtual clock cannot wait for RSA. How long a key takes is the simulation's to say; keys
 * are made in turn as the live ones are. The same seed gives the same keys, byte for byte.
 */
import { Duration, Effect, Layer, Redacted } from "effect"
import { KeyError, KeyGenerator, type PrivateKey } from "../../issuance/KeyGenerator.ts"
import { makeKeyQueue } from "../../issuance/KeyQueue.ts"
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

const asPrivateKey = (
  keys: CryptoKeyPair,
  parameters: KeyParameters,
  pkcs8: PrivateKey["pkcs8"] = Redacted.make(simPkcs8(keys))
): PrivateKey => ({
  parameters,
  pkcs8,
  spki: simSpki(keys),
  signatureAlgorithm: simSignatureAlgorithm(keys),
  sign: (data) => Effect.sync(() => simSign(keys, data))
})

/** 32 bytes from Effect's Random. */
export const randomBytes: Effect.Effect<Uint8Array> = drawBytes(32)

/** A key generator whose keys are of this kind; each takes as long as `takes` says, no time at all by default. */
export const makeSimKeyGenerator = (
  kind: SimKeyKind,
  takes: (parameters: KeyParameters) => Duration.Duration = () => Duration.zero
) => {
  const queue = makeKeyQueue()
  return KeyGenerator.of({
    generate: (wanted) => {
      const { parameters } = wanted
      const make = Effect.map(randomBytes, (bytes) => asPrivateKey(simKeyPair(bytes, kind), parameters))
      const took = takes(parameters)
      return queue.inTurn(wanted, Duration.isZero(took) ? make : Effect.delay(make, took))
    },
    progress: queue.progress,
    restore: (pkcs8, parameters) => {
      const keys = simPairFromPkcs8(Redacted.value(pkcs8))
      return keys === undefined
        ? Effect.fail(new KeyError({ reason: "Corrupt", cause: "not a simulated key" }))
        : Effect.succeed(asPrivateKey(keys, parameters, pkcs8))
    }
  })
}

/** The simulated key generator, with keys on P-256. */
export const layer = Layer.sync(KeyGenerator, () => makeSimKeyGenerator("P-256"))
