/**
 * The secrets that come with a volume: the tokens of the pod's ServiceAccount, and the passwords of its keystores. They
 * are read here from what the kubelet hands over, wrapped at once, and taken out of what may be written down. No
 * sentence of this module quotes what it has found.
 */
import { DateTime, Effect, Option, Record, Redacted, Result, Schema } from "effect"
import { inThousands } from "../pki/inThousands.ts"
import { password } from "./AttributeRules.ts"
import type { KeystoreKind } from "./Attributes.ts"
import type { Keystore } from "./Keystore.ts"
import { limits } from "./Limits.ts"
import { quoted } from "./Rule.ts"
import { SpecError } from "./SpecError.ts"
import { kubeletPrefix, prefix, type VolumeContext } from "./VolumeContext.ts"
import type { VolumeSpec } from "./VolumeSpec.ts"

const tokensKey = `${kubeletPrefix}serviceAccount.tokens`
const passwordKeys: ReadonlyArray<string> = [`${prefix}pkcs12-password`, `${prefix}jks-password`]

const fail = (field: string, rule: string) => Effect.fail(new SpecError({ field, rule }))

/** What stands in a record in a password's place, so that the spec can be read from it again. */
const withheld = "(withheld)"

/**
 * The context as it may be written down: without the ServiceAccount tokens, which change with every call and are
 * nobody's to keep, and without passwords.
 */
export const withoutSecrets = (context: VolumeContext): VolumeContext =>
  Record.map(
    Record.filter(context, (_, key) => key !== tokensKey),
    (value, key) => (passwordKeys.includes(key) && value !== "" ? withheld : value)
  )

const Tokens = Schema.fromJsonString(
  Schema.Record(
    Schema.String,
    Schema.Struct({ token: Schema.String, expirationTimestamp: Schema.optionalKey(Schema.String) })
  )
)

/** A token of the pod's ServiceAccount for the API server. */
export interface PodToken {
  readonly token: Redacted.Redacted<string>
  /** When the API server no longer takes it; none where the kubelet does not say. */
  readonly expiresAt: Option.Option<DateTime.Utc>
}

/** The entries that come with a call as secrets: of `nodePublishSecretRef`'s Secret, and the tokens. */
export type PublishSecrets = Readonly<Record<string, Redacted.Redacted<string>>>

/** Where the CSIDriver object says so the kubelet sends tokens as secrets; older ones write them into the context. */
const tokensOf = (context: VolumeContext, secrets: PublishSecrets): string =>
  (Object.hasOwn(secrets, tokensKey) && Redacted.value(secrets[tokensKey] ?? Redacted.make(""))) ||
  (context[tokensKey] ?? "")

/**
 * The pod's token for the API server, where the kubelet sends one: the one whose audience is empty, which is the API
 * server's own. Tokens for others are not for us to use: shown to the API server, they would be given away for nothing.
 */
export const serviceAccountToken = Effect.fnUntraced(function* (
  context: VolumeContext,
  secrets: PublishSecrets
): Effect.fn.Return<Option.Option<PodToken>, SpecError> {
  const text = tokensOf(context, secrets)
  if (text === "") return Option.none()
  if (text.length > limits.tokensLength) {
    return yield* fail(
      tokensKey,
      `has ${inThousands(text.length)} characters, but may have ${inThousands(limits.tokensLength)} at most`
    )
  }
  const tokens = yield* Schema.decodeUnknownEffect(Tokens)(text).pipe(
    // The cause holds the token's text, so it goes no further.
    Effect.catch(() => fail(tokensKey, "must be a JSON map from audience to { token }, as the kubelet sends it"))
  )
  const ours = tokens[""]
  if (Object.keys(tokens).length === 0) return Option.none()
  if (ours === undefined) {
    const audiences = Object.keys(tokens).map(quoted).join(", ")
    const rule = `holds tokens for ${audiences} and none for the API server; list the audience "" in the CSIDriver's tokenRequests`
    return yield* fail(tokensKey, rule)
  }
  const expiresAt = Option.flatMap(Option.fromUndefinedOr(ours.expirationTimestamp), DateTime.make)
  return Option.some({ token: Redacted.make(ours.token), expiresAt })
})

/** The passwords that came with a call, by kind of keystore; those that chance makes are not among them. */
export type Passwords = ReadonlyMap<KeystoreKind, Redacted.Redacted<string>>

const passwordOf = ({ kind, password: source }: Keystore, context: VolumeContext, secrets: PublishSecrets) => {
  switch (source._tag) {
    case "Generated":
      return Effect.succeedNone
    case "Attribute":
      return Effect.succeedSome(Redacted.make(context[`${prefix}${kind}-password`] ?? ""))
    case "Secret": {
      const field = `${prefix}${kind}-password-from`
      const secret = Object.hasOwn(secrets, source.key) ? secrets[source.key] : undefined
      if (secret === undefined) {
        return fail(
          field,
          `finds no key "${source.key}"; name a Secret that has it as the csi volume's nodePublishSecretRef`
        )
      }
      return Result.match(password(Redacted.value(secret)), {
        onSuccess: () => Effect.succeedSome(secret),
        onFailure: (rule) => fail(field, `the Secret's key "${source.key}" ${rule}`)
      })
    }
  }
}

/** The passwords that a spec needs and a call brings; a `SpecError` where one is missing. */
export const passwordsOf = (
  spec: VolumeSpec,
  context: VolumeContext,
  secrets: PublishSecrets
): Effect.Effect<Passwords, SpecError> =>
  Effect.map(
    Effect.forEach(spec.keystores, (keystore) =>
      Effect.map(passwordOf(keystore, context, secrets), (found) =>
        Option.toArray(Option.map(found, (password) => [keystore.kind, password] as const))
      )
    ),
    (found) => new Map(found.flat())
  )
