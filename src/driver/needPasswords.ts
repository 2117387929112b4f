/**
 * How the programs get the passwords of a volume's keystores. The kubelet sends them with every publish, and they are
 * kept in memory. What a restart needs of them is in the record, sealed under the key that the volume holds: a renewal
 * after a restart knows them as long as the volume has its files, and a volume without files waits for its publish
 * anyway.
 */
import { Effect, Equal, Option, Redacted, Ref } from "effect"
import { IssuanceError } from "../issuance/IssuanceError.ts"
import { wipe } from "../issuance/wipe.ts"
import type { Passwords } from "../spec/VolumeSecrets.ts"
import { seal, unseal } from "../volume/Seal.ts"
import { keyHeld } from "./held.ts"
import { changeRecord, type Volume } from "./Volume.ts"

/** True if a password comes from the pod or its Secret. */
const takesPasswords = ({ spec }: Volume): boolean =>
  spec.keystores.some(({ password }) => password._tag !== "Generated")

/**
 * The passwords that the keystores may have, the newest first: those in memory, or what a restart finds sealed under
 * the key that the volume holds. A life that ended between a seal and its files leaves two.
 */
const possiblePasswords = Effect.fnUntraced(function* (volume: Volume) {
  const present = yield* Ref.get(volume.passwords)
  if (Option.isSome(present)) return [present.value]
  const { sealed = [] } = yield* Ref.get(volume.record)
  const key = Option.toArray(yield* keyHeld(volume))
  const unsealed = key.flatMap((key) => [...sealed].reverse().flatMap((one) => Option.toArray(unseal(key, one))))
  yield* wipe(key)
  return unsealed
})

/** Makes sure that every password is in memory before a certificate is requested that needs one. */
export const needPasswords = Effect.fnUntraced(function* (volume: Volume) {
  if (!takesPasswords(volume)) return
  const [known] = yield* possiblePasswords(volume)
  if (known === undefined) {
    return yield* new IssuanceError({
      reason: "NotReady",
      request: "",
      detail:
        "the kubelet has sent no password for the keystores since certlet started; " +
        "set requiresRepublish in the CSIDriver object, or restart the pod"
    })
  }
  yield* Ref.set(volume.passwords, Option.some(known))
})

/**
 * Seals the passwords under the key that is about to be the volume's. The seal of what the volume holds stays beside
 * it, in case that never will be; one whose files were never written goes.
 */
export const sealPasswords = Effect.fnUntraced(function* (
  volume: Volume,
  privateKey: Redacted.Redacted<Uint8Array>,
  passwords: Passwords
) {
  if (!takesPasswords(volume)) return
  const sealed = yield* seal(privateKey, passwords)
  yield* changeRecord(volume, (record) => ({ ...record, sealed: [...(record.sealed ?? []).slice(0, 1), sealed] }))
})

/** What was sealed last is in the volume: the seal before would leave a restart in doubt about its passwords. */
export const keepLastSeal = Effect.fnUntraced(
  function* (volume: Volume) {
    const { sealed = [] } = yield* Ref.get(volume.record)
    if (sealed.length > 1) yield* changeRecord(volume, (record) => ({ ...record, sealed: sealed.slice(-1) }))
  },
  Effect.catchTag("RecordError", (error) => Effect.logDebug(`an earlier seal stays recorded: ${error.message}`))
)

const same = (one: Passwords, other: Passwords): boolean =>
  one.size === other.size &&
  [...one].every(([kind, password]) => {
    const against = other.get(kind)
    return against !== undefined && Equal.equals(Redacted.value(password), Redacted.value(against))
  })

/**
 * Takes the passwords that a publish brings. True if the keystores may have other passwords and must be written again.
 */
export const takePasswords = Effect.fnUntraced(function* (volume: Volume, brought: Passwords) {
  if (!takesPasswords(volume)) return false
  const before = yield* possiblePasswords(volume)
  yield* Ref.set(volume.passwords, Option.some(brought))
  return before.length === 0 || !before.every((passwords) => same(passwords, brought))
})
