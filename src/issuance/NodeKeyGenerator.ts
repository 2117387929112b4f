/**
 * The live side of `KeyGenerator`: Node's cryptography. Keys of curves are made on the spot. An RSA key takes a core
 * for a tenth of a second and more and must never block the event loop: it is made in turn, RSA-2048 on Node's thread
 * pool and larger ones in a process of their own (`NodeBigKey`). Keys have to reach the pod's volume; they leave this
 * module as DER inside a Redacted, and nowhere else. Some of RSA-2048, which most pods get, are made ahead of time
 * (`KeyPool`).
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  sign
} from "node:crypto"
import { Effect, Layer, Metric, Option, Redacted } from "effect"
import { gaugeDuring } from "../kube/gaugeDuring.ts"
import type { KeyParameters } from "../spec/VolumeSpec.ts"
import { KeyError, KeyGenerator, type PrivateKey, type SignatureAlgorithm, type WantedKey } from "./KeyGenerator.ts"
import { type KeyPool, makeKeyPool } from "./KeyPool.ts"
import { isBig, type KeyQueue, makeKeyQueue } from "./KeyQueue.ts"
import { makeBigKey } from "./NodeBigKey.ts"

/** Bytes of its own, which their last reader can overwrite; Node's are overwritten here. */
const derOf = (key: KeyObject, type: "pkcs8" | "spki"): Uint8Array => {
  const exported = key.export({ format: "der", type })
  const der = new Uint8Array(exported)
  exported.fill(0)
  return der
}

/** The hash grows with the key, as cert-manager chooses it; Ed25519 has its own. */
const signatureAlgorithmOf = (parameters: KeyParameters): SignatureAlgorithm => {
  switch (parameters.algorithm) {
    case "RSA":
      if (parameters.size >= 4096) return "sha512WithRSAEncryption"
      return parameters.size >= 3072 ? "sha384WithRSAEncryption" : "sha256WithRSAEncryption"
    case "ECDSA":
      if (parameters.size === 521) return "ecdsa-with-SHA512"
      return parameters.size === 384 ? "ecdsa-with-SHA384" : "ecdsa-with-SHA256"
    case "Ed25519":
      return "id-Ed25519"
  }
}

const hashes: Readonly<Record<SignatureAlgorithm, string | null>> = {
  sha256WithRSAEncryption: "sha256",
  sha384WithRSAEncryption: "sha384",
  sha512WithRSAEncryption: "sha512",
  "ecdsa-with-SHA256": "sha256",
  "ecdsa-with-SHA384": "sha384",
  "ecdsa-with-SHA512": "sha512",
  "id-Ed25519": null
}

/**
 * Curves sign at once: that takes some hundredths of a millisecond, and a trip through the thread pool of a busy node
 * far more. RSA takes a millisecond and more, and goes there.
 */
const signWith = (key: KeyObject, algorithm: SignatureAlgorithm) => {
  const failed = (cause: unknown) => new KeyError({ reason: "Failed", cause })
  return (data: Uint8Array): Effect.Effect<Uint8Array, KeyError> =>
    key.asymmetricKeyType === "rsa"
      ? Effect.callback((resume) =>
          sign(hashes[algorithm], data, key, (error, signature) =>
            resume(error === null ? Effect.succeed(new Uint8Array(signature)) : Effect.fail(failed(error)))
          )
        )
      : Effect.try({ try: () => new Uint8Array(sign(hashes[algorithm], data, key)), catch: failed })
}

const describe = (privateKey: KeyObject, parameters: KeyParameters, pkcs8: PrivateKey["pkcs8"]): PrivateKey => {
  const signatureAlgorithm = signatureAlgorithmOf(parameters)
  return {
    parameters,
    pkcs8,
    spki: derOf(createPublicKey(privateKey), "spki"),
    signatureAlgorithm,
    sign: signWith(privateKey, signatureAlgorithm)
  }
}

const inTheMaking = Metric.gauge("certlet_rsa_keys_in_the_making", {
  description: "RSA keys that are being made or wait for their turn; four are made at a time, of large ones two"
})

/** The thread pool never leaves a key half made, so whoever made it wait keeps its seat until it is there. */
const makeInPool = (modulusLength: number) =>
  Effect.callback<KeyObject, Error>((resume) =>
    generateKeyPair("rsa", { modulusLength }, (error, _, privateKey) =>
      resume(error === null ? Effect.succeed(privateKey) : Effect.fail(error))
    )
  ).pipe(Effect.uninterruptible)

/** The keys that are made ahead of time. */
const pooledBits = 2048

const makeRsa = (queue: KeyQueue, wanted: WantedKey, bits: number): Effect.Effect<KeyObject, unknown> => {
  const make = isBig(wanted.parameters) ? makeBigKey(bits) : makeInPool(bits)
  return gaugeDuring(inTheMaking)(queue.inTurn(wanted, make))
}

const makeKey = (queue: KeyQueue, pool: KeyPool<KeyObject>, wanted: WantedKey): Effect.Effect<KeyObject, unknown> => {
  const { parameters } = wanted
  switch (parameters.algorithm) {
    case "RSA":
      return parameters.size === pooledBits
        ? Effect.flatMap(
            pool.take,
            Option.match({ onNone: () => makeRsa(queue, wanted, pooledBits), onSome: Effect.succeed })
          )
        : makeRsa(queue, wanted, parameters.size)
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

const readKey = (pkcs8: PrivateKey["pkcs8"], parameters: KeyParameters): PrivateKey => {
  // A view and no copy: there is nothing to overwrite afterwards.
  const { buffer, byteLength, byteOffset } = Redacted.value(pkcs8)
  const der = Buffer.from(buffer, byteOffset, byteLength)
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  if (!fits(key, parameters)) throw new Error(`a key of another kind: ${key.asymmetricKeyType}`)
  return describe(key, parameters, pkcs8)
}

const makeKeyGenerator = (queue: KeyQueue, pool: KeyPool<KeyObject>) =>
  KeyGenerator.of({
    generate: Effect.fn("KeyGenerator.generate")((wanted: WantedKey) =>
      Effect.andThen(pool.stayBack, makeKey(queue, pool, wanted)).pipe(
        Effect.map((key) => describe(key, wanted.parameters, Redacted.make(derOf(key, "pkcs8")))),
        Effect.catchDefect((cause: unknown) => Effect.fail(cause)),
        Effect.mapError((cause) => new KeyError({ reason: "Failed", cause }))
      )
    ),
    progress: queue.progress,
    restore: Effect.fn("KeyGenerator.restore")((pkcs8: Redacted.Redacted<Uint8Array>, parameters: KeyParameters) =>
      Effect.try({
        try: () => readKey(pkcs8, parameters),
        catch: (cause) => new KeyError({ reason: "Corrupt", cause })
      })
    )
  })

/** Keys from Node's own cryptography, of which so many of RSA-2048 are made ahead of time. */
export const layerWithPool = (size: number): Layer.Layer<KeyGenerator> =>
  Layer.effect(
    KeyGenerator,
    Effect.gen(function* () {
      yield* Metric.modify(inTheMaking, 0)
      const pool = makeKeyPool(size, makeInPool(pooledBits))
      if (size > 0) yield* Effect.forkScoped(pool.fill)
      return makeKeyGenerator(makeKeyQueue(), pool)
    })
  )

/** Keys from Node's own cryptography, each made when it is wanted. */
export const layer: Layer.Layer<KeyGenerator> = layerWithPool(0)
