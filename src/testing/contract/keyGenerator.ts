/**
 * The laws of `KeyGenerator`, as programs. They run on the simulated keys and on Node's own. Signatures are verified by
 * Node's cryptography, whoever made the key. The kinds of keys are the generator's to name: the simulation makes one
 * kind only.
 */
import { createPublicKey, verify } from "node:crypto"
import { bytesToHex } from "@noble/hashes/utils.js"
import { Effect, Option, Redacted } from "effect"
import { type KeyError, KeyGenerator, type PrivateKey, type WantedKey } from "../../issuance/KeyGenerator.ts"
import type { KeyParameters } from "../../spec/VolumeSpec.ts"
import { holds, type Law, LawBroken, same } from "./Law.ts"

type KeyLaw = Law<KeyError, KeyGenerator>

const law = (
  sentence: string,
  trial: (keys: KeyGenerator["Service"]) => Effect.fn.Return<void, KeyError | LawBroken, KeyGenerator>
): KeyLaw => ({ law: sentence, program: Effect.flatMap(KeyGenerator, Effect.fnUntraced(trial)) })

/** True where `signer` signs what `verifier` verifies. */
const fits = (signer: PrivateKey, verifier: PrivateKey): Effect.Effect<boolean, KeyError> => {
  const data = new TextEncoder().encode("what is signed")
  const hash = /sha(256|384|512)/i.exec(signer.signatureAlgorithm)?.[0]?.toLowerCase()
  const publicKey = createPublicKey({ key: Buffer.from(verifier.spki), format: "der", type: "spki" })
  return Effect.map(signer.sign(data), (signature) => verify(hash, data, publicKey, signature))
}

/** Every law of `KeyGenerator`, for keys of these parameters. */
export const laws = (parameters: KeyParameters): ReadonlyArray<KeyLaw> =>
  lawsFor({ parameters, pod: "a", volumeId: "v" })

const lawsFor = (wanted: WantedKey): ReadonlyArray<KeyLaw> => [
  law("every generate gives another key", function* (keys) {
    const several = yield* Effect.forEach([1, 2, 3, 4], () => keys.generate(wanted), { concurrency: 4 })
    yield* same(`${new Set(several.map(({ spki }) => bytesToHex(spki))).size}`, "4", "different public halves")
    yield* same(
      `${new Set(several.map((key) => bytesToHex(Redacted.value(key.pkcs8)))).size}`,
      "4",
      "different secret halves"
    )
  }),
  law("restore of a key's PKCS#8 gives a key with the same public half and these very bytes", function* (keys) {
    const key = yield* keys.generate(wanted)
    const again = yield* keys.restore(key.pkcs8, wanted.parameters)
    yield* same(bytesToHex(again.spki), bytesToHex(key.spki), "the public half")
    yield* holds(again.pkcs8 === key.pkcs8, "the secret half is copied")
    yield* holds(yield* fits(again, key), "the restored key does not sign for the first one")
  }),
  law("a key signs what its public half verifies", function* (keys) {
    const [one, other] = [yield* keys.generate(wanted), yield* keys.generate(wanted)]
    yield* holds(yield* fits(one, one), "a key's signature does not verify")
    yield* holds(!(yield* fits(one, other)), "another key verifies the signature too")
  }),
  law("bytes that are no key of these parameters are Corrupt", function* (keys) {
    const der = Redacted.value((yield* keys.generate(wanted)).pkcs8)
    for (const bytes of [new Uint8Array(), der.slice(0, -1), der.slice(1), new Uint8Array(der.length)]) {
      const error = yield* Effect.flip(keys.restore(Redacted.make(bytes), wanted.parameters)).pipe(
        Effect.mapError(() => new LawBroken({ detail: `${bytes.length} damaged bytes became a key` }))
      )
      yield* same(error.reason, "Corrupt", "the reason")
    }
  }),
  law("a key that is there has no progress", function* (keys) {
    yield* keys.generate(wanted)
    yield* holds(Option.isNone(yield* keys.progress(wanted.volumeId)), "the key is still waited for")
  }),
  law("a key does not print its secret half", function* (keys) {
    const { pkcs8 } = yield* keys.generate(wanted)
    yield* same(`${pkcs8} ${JSON.stringify({ pkcs8 })}`, '<redacted> {"pkcs8":"<redacted>"}', "the key as text")
  })
]
