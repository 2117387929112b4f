/**
 * How a keystore's password is kept over a restart of certlet: sealed under the private key that the volume holds at
 * that moment. A record by itself reveals nothing; whoever can open it has already read, in the pod's own memory, the
 * key that the password protects. The seal is AES-256-GCM, its key is derived from the private key's PKCS#8 by
 * HKDF-SHA-256 (RFC 5869).
 */
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { Effect, Option, Redacted, Schema } from "effect"
import { decryptGcm, encryptGcm, nonceLength } from "../pki/Ciphers.ts"
import type { Passwords } from "../spec/VolumeSecrets.ts"
import { Entropy } from "./Entropy.ts"

const purpose = new TextEncoder().encode("certlet: passwords of a volume's keystores")

const keyOf = (privateKey: Redacted.Redacted<Uint8Array>): Uint8Array =>
  hkdf(sha256, Redacted.value(privateKey), undefined, purpose, 32)

const Kind = Schema.Literals(["pkcs12", "jks"])
const Sealed = Schema.fromJsonString(Schema.Array(Schema.Tuple([Kind, Schema.RedactedFromValue(Schema.String)])))

/** The passwords under the key: nonce, cipher text and tag. */
export const seal = Effect.fnUntraced(function* (privateKey: Redacted.Redacted<Uint8Array>, passwords: Passwords) {
  const { bytes } = yield* Entropy
  const nonce = yield* bytes(nonceLength)
  const text = yield* Effect.orDie(Schema.encodeEffect(Sealed)([...passwords]))
  return Uint8Array.of(...nonce, ...encryptGcm(keyOf(privateKey), nonce, new TextEncoder().encode(text)))
})

/** What was sealed under this key; none where it was another key, or the seal is damaged. */
export const unseal = (privateKey: Redacted.Redacted<Uint8Array>, sealed: Uint8Array): Option.Option<Passwords> =>
  decryptGcm(keyOf(privateKey), sealed.slice(0, nonceLength), sealed.slice(nonceLength)).pipe(
    Option.flatMap((text) => Schema.decodeUnknownOption(Sealed)(new TextDecoder().decode(text))),
    Option.map((found) => new Map(found))
  )
