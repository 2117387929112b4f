/**
 * Where private keys are born. The contract stands inside the issuance room; `NodeKeyGenerator` is the live side
 * (Node's cryptography, with RSA away from the event loop), the simulation derives keys from its seed. Whoever wants a
 * key says for which pod, because pods take turns where keys take long. A key is handed around as a value that can sign
 * and can be written once; nobody prints it, because its secret half is `Redacted`.
 */
import { Context, type Effect, type Option, type Redacted, Schema } from "effect"
import type { KeyParameters } from "../spec/VolumeSpec.ts"
import type { Temper } from "../Temper.ts"

/** How a key signs, by the names that the standards have for it (RFC 8017, RFC 5758, RFC 8410). */
export type SignatureAlgorithm =
  | "sha256WithRSAEncryption"
  | "sha384WithRSAEncryption"
  | "sha512WithRSAEncryption"
  | "ecdsa-with-SHA256"
  | "ecdsa-with-SHA384"
  | "ecdsa-with-SHA512"
  | "id-Ed25519"

/** A private key with everything that issuing a certificate for it needs. */
export interface PrivateKey {
  readonly parameters: KeyParameters
  /** PKCS#8 PrivateKeyInfo, DER (RFC 5958). */
  readonly pkcs8: Redacted.Redacted<Uint8Array>
  /** SubjectPublicKeyInfo, DER (RFC 5280). */
  readonly spki: Uint8Array
  readonly signatureAlgorithm: SignatureAlgorithm
  /** Signs bytes with this key and algorithm; the signature is what X.509 puts into its BIT STRING. */
  readonly sign: (data: Uint8Array) => Effect.Effect<Uint8Array, KeyError>
}

/**
 * A key could not be made or read. `Unsupported` is a defect of ours, `Corrupt` a damaged key on disk, `Failed` the
 * system's failure.
 */
export class KeyError extends Schema.TaggedError<KeyError>()("KeyError", {
  reason: Schema.Literals(["Unsupported", "Corrupt", "Failed"]),
  cause: Schema.Defect()
}) {
  get temper(): Temper {
    return this.reason === "Unsupported" ? "defect" : "transient"
  }
  override get message(): string {
    return `private key: ${this.reason.toLowerCase()}`
  }
}

/** A key that a volume needs. */
export interface WantedKey {
  readonly parameters: KeyParameters
  /** The pod's uid: pods take turns. */
  readonly pod: string
  readonly volumeId: string
}

/** How far a key is that takes its time. */
export interface KeyProgress {
  readonly parameters: KeyParameters
  /** How many keys come before it; 0 while it is being made. */
  readonly before: number
}

/**
 * Makes private keys.
 *
 * Laws: every `generate` gives another key; `restore` of a key's PKCS#8 gives a key with the same public half and these
 * very bytes, so that there is one copy to overwrite; a key signs what its public half verifies; bytes that are no key
 * of these parameters are `Corrupt`; a key that is there has no progress.
 */
export class KeyGenerator extends Context.Service<
  KeyGenerator,
  {
    /** A fresh key. Keys that take long are made in turn. */
    readonly generate: (wanted: WantedKey) => Effect.Effect<PrivateKey, KeyError>
    /** How far the key is that a volume waits for; none if it waits for no key that takes long. */
    readonly progress: (volumeId: string) => Effect.Effect<Option.Option<KeyProgress>>
    /** The key whose PKCS#8 DER was kept. */
    readonly restore: (
      pkcs8: Redacted.Redacted<Uint8Array>,
      parameters: KeyParameters
    ) => Effect.Effect<PrivateKey, KeyError>
  }
>()("certlet/issuance/KeyGenerator") {}
