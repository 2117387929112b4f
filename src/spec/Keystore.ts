/**
 * The keystores that a volume asks for: PKCS#12 and Java's own, each with a truststore of its kind where one is wanted.
 * Pure: read from attributes whose rules have been checked. Passwords are named here, never held.
 */
import { Option } from "effect"
import type { Pkcs12Profile } from "../pki/Pkcs12.ts"
import type { Attributes, KeystoreKind } from "./Attributes.ts"
import { keystoreFilesOf } from "./FileNames.ts"

/**
 * Where a keystore's password comes from: an attribute, a key of the Secret that the kubelet hands over, or chance,
 * with a file in the volume to read it from. The password itself is no part of the spec, which may be looked at.
 */
type PasswordSource =
  | { readonly _tag: "Attribute" }
  | { readonly _tag: "Secret"; readonly key: string }
  | { readonly _tag: "Generated"; readonly file: string }

/** A keystore that the volume is to hold; one password opens the keystore and its key, and mostly its truststore. */
export interface Keystore {
  readonly kind: KeystoreKind
  readonly file: string
  /** The name of the truststore's file, where one is asked for. */
  readonly truststore: Option.Option<string>
  /** The truststore opens without a password. */
  readonly isTruststoreOpen: boolean
  /** The name of the key's entry. */
  readonly alias: Option.Option<string>
  /** Of PKCS#12 only. */
  readonly profile: Pkcs12Profile
  readonly password: PasswordSource
}

const keystoreOf = (attributes: Attributes, kind: KeystoreKind): ReadonlyArray<Keystore> => {
  if (attributes[`${kind}-enable`] !== true) return []
  const files = keystoreFilesOf(attributes, kind)
  const from = attributes[`${kind}-password-from`]
  return [
    {
      kind,
      file: files.keystore,
      truststore: Option.fromUndefinedOr(files.truststore),
      isTruststoreOpen: attributes["truststore-passwordless"] === true,
      // Without a name Java calls a PKCS#12 entry "1", and so it is with the driver that certlet replaces.
      alias: Option.fromUndefinedOr(attributes[`${kind}-alias`] ?? (kind === "jks" ? "certificate" : undefined)),
      profile: attributes["pkcs12-profile"] ?? "LegacyRC2",
      password:
        files.password === undefined
          ? from?._tag === "Secret"
            ? from
            : { _tag: "Attribute" }
          : { _tag: "Generated", file: files.password }
    }
  ]
}

/** The keystores that are enabled. */
export const keystoresOf = (attributes: Attributes): ReadonlyArray<Keystore> => [
  ...keystoreOf(attributes, "pkcs12"),
  ...keystoreOf(attributes, "jks")
]
