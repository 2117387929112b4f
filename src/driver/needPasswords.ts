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

/** The known passwords, from memory or from the seal. */
const knownPasswords = Effect.fnUntraced(function* (volume: Volume) {
  const present = yield* Ref.get(volume.passwords)
  if (Option.isSome(present)) return present
  const { sealed = [] } = yield* Ref.get(volume.record)
  const key = yield* keyHeld(volume)
  // The newest seal first: a password may have changed while the key stayed.
  const unsealed = Option.flatMap(key, (key) =>
    Option.firstSomeOf([...sealed].reverse().map((one) => unseal(key, one)))
  )
  yield* wipe(Option.toArray(key))
  return unsealed
})

/** Makes sure that every password is in memory before a certificate is requested that needs one. */
export const needPasswords = Effect.fnUntraced(function* (volume: Volume) {
  if (!takesPasswords(volume)) return
  const known = yield* knownPasswords(volume)
  if (Option.isNone(known)) {
    return yield* new IssuanceError({
      reason: "NotReady",
      request: "",
      detail:
        "the kubelet has sent no password for the keystores since certlet started; " +
        "set requiresRepublish in the CSIDriver object, or restart the pod"
    })
  }
  yield* Ref.set(volume.passwords, known)
})

/**
 * Seals the passwords under the key that is about to be the volume's; the seal before stays, in case it never will be.
 */
export const sealPasswords = Effect.fnUntraced(function* (
  volume: Volume,
  privateKey: Redacted.Redacted<Uint8Array>,
  passwords: Passwords
) {
  if (!takesPasswords(volume)) return
  const sealed = yield* seal(privateKey, passwords)
  yield* changeRecord(volume, (record) => ({ ...record, sealed: [...(record.sealed ?? []).slice(-1), sealed] }))
})

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
  const before = yield* knownPasswords(volume)
  yield* Ref.set(volume.passwords, Option.some(brought))
  return !Option.exists(before, (passwords) => same(passwords, brought))
})
