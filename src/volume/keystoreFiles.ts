/**
 * The keystores of one issue, and the passwords that chance makes for them, as files of the same set as the PEM files:
 * they are swapped together or not at all. Bytes, time and chance come from services, so that a seed gives the same
 * keystores. A generated password stays the same as long as the volume does: a program that has read it once can open
 * every later keystore.
 */
import { DateTime, Effect, Option, Redacted } from "effect"
import * as JavaKeystore from "../pki/JavaKeystore.ts"
import * as Pkcs12 from "../pki/Pkcs12.ts"
import type { KeystoreKind } from "../spec/Attributes.ts"
import type { Keystore } from "../spec/Keystore.ts"
import type { Passwords } from "../spec/VolumeSecrets.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import { Entropy } from "./Entropy.ts"
import { certificatesIn, type FileSet, fileOf, type Material, without } from "./FileSet.ts"

type Held = ReadonlyMap<string, Redacted.Redacted<Uint8Array>>
type Password = Redacted.Redacted<string>

/** A generated password: 128 bits, in a spelling that no shell and no configuration file takes amiss. */
const generated = Effect.gen(function* () {
  const { bytes } = yield* Entropy
  return Redacted.make([...(yield* bytes(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""))
})

/** The password that an earlier issue has written, where the file still holds one of ours. */
const heldPassword = (held: Held, file: string): Option.Option<Password> =>
  Option.fromUndefinedOr(held.get(file)).pipe(
    Option.map((content) => new TextDecoder().decode(Redacted.value(content))),
    Option.filter((text) => /^[0-9a-f]{32}$/.test(text)),
    Option.map((text) => Redacted.make(text))
  )

const passwordFor = ({ kind, password }: Keystore, given: Passwords, held: Held) => {
  if (password._tag === "Generated") {
    return Option.match(heldPassword(held, password.file), { onNone: () => generated, onSome: Effect.succeed })
  }
  // Whoever asks for keystores has made sure that every password is there.
  return Effect.succeed(given.get(kind) ?? Redacted.make(""))
}

const trustedOf = ({ signed }: Material): ReadonlyArray<Pkcs12.TrustedEntry> =>
  certificatesIn(signed.ca).map((certificate, index) => ({ alias: index === 0 ? "ca" : `ca${index + 1}`, certificate }))

const contentOf = (keystore: Keystore, { privateKey, signed }: Material): Pkcs12.KeystoreContent["key"] => ({
  alias: Option.getOrUndefined(keystore.alias),
  privateKey: Redacted.value(privateKey),
  chain: certificatesIn(signed.certificate)
})

/**
 * Java names the chain of a key in full; PKCS#12 keeps one copy of each certificate, and the CA's is the trusted one.
 */
const withoutTrusted = (key: Pkcs12.KeyEntry, trusted: ReadonlyArray<Pkcs12.TrustedEntry>): Pkcs12.KeyEntry => ({
  ...key,
  chain: [
    ...key.chain.slice(0, 1),
    ...without(
      key.chain.slice(1),
      trusted.map(({ certificate }) => certificate)
    )
  ]
})

const encode: Readonly<
  Record<
    KeystoreKind,
    (keystore: Keystore, content: Pkcs12.KeystoreContent, password: string) => Effect.Effect<Uint8Array, never, Entropy>
  >
> = {
  pkcs12: Effect.fnUntraced(function* ({ profile }, { key, trusted }, password) {
    const { bytes } = yield* Entropy
    const content = { key: key && withoutTrusted(key, trusted), trusted }
    return Pkcs12.pkcs12(profile, content, password, yield* bytes(Pkcs12.randomLength(profile)))
  }),
  jks: Effect.fnUntraced(function* (_, content, password) {
    const { bytes } = yield* Entropy
    const madeAt = DateTime.toEpochMillis(yield* DateTime.now)
    return JavaKeystore.javaKeystore(content, password, madeAt, yield* bytes(JavaKeystore.randomLength))
  })
}

/**
 * A truststore without a password. Java asks nobody for that of a JKS one, but some programs give it an empty one,
 * which must then be the one that its digest was made with.
 */
const openTruststore = (keystore: Keystore, trusted: ReadonlyArray<Pkcs12.TrustedEntry>) =>
  keystore.kind === "pkcs12"
    ? Effect.succeed(Pkcs12.pkcs12WithoutPassword(trusted))
    : encode.jks(keystore, { key: undefined, trusted }, "")

const filesOfKeystore = Effect.fnUntraced(function* (
  spec: VolumeSpec,
  keystore: Keystore,
  material: Material,
  password: Password
) {
  const trusted = trustedOf(material)
  const key = contentOf(keystore, material)
  const write = (key: Pkcs12.KeystoreContent["key"]) =>
    encode[keystore.kind](keystore, { key, trusted }, Redacted.value(password))
  const files = [fileOf(spec, keystore.file, yield* write(key))]
  if (Option.isSome(keystore.truststore)) {
    const truststore = keystore.isTruststoreOpen ? openTruststore(keystore, trusted) : write(undefined)
    files.push(fileOf(spec, keystore.truststore.value, yield* truststore))
  }
  if (keystore.password._tag === "Generated") {
    files.push(fileOf(spec, keystore.password.file, Redacted.value(password)))
  }
  return files
})

/**
 * The keystores of one issue with their truststores and password files. `passwords` has those that are not generated,
 * `held` is what the volume holds now.
 */
export const keystoreFiles = (
  spec: VolumeSpec,
  material: Material,
  passwords: Passwords,
  held: Held
): Effect.Effect<FileSet, never, Entropy> =>
  Effect.map(
    Effect.forEach(spec.keystores, (keystore) =>
      Effect.flatMap(passwordFor(keystore, passwords, held), (password) =>
        filesOfKeystore(spec, keystore, material, password)
      )
    ),
    (files) => files.flat()
  )
