/**
 * The invariants about keystores: each opens with the password that its pod has, and takes a new one when that changes.
 * Whether one opens is asked of OpenSSL, and of the digest that Java's own keystores end with.
 */
import * as crypto from "node:crypto"
import { createSecureContext } from "node:tls"
import { Option, Redacted, Result } from "effect"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { SimVolume } from "../parts/SimVolume.ts"
import type { Happening } from "../story/Happening.ts"
import { type Invariant, liveness, safety, type World } from "./Invariants.ts"
import { mountOf, volumeAt } from "./judgesOfVolumes.ts"
import { attribute, type KeystoreKind, keystoresOf } from "./wishes.ts"

const usualFiles = { pkcs12: "keystore.p12", jks: "keystore.jks" } as const

const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le").swap16()

/** What stands at the end of a Java keystore is SHA-1 over the password, these words, and everything before. */
const opensJava = (keystore: Uint8Array, password: string): boolean => {
  const body = keystore.subarray(0, -20)
  const digest = crypto.createHash("sha1").update(utf16(password)).update("Mighty Aphrodite").update(body).digest()
  return digest.equals(keystore.subarray(-20))
}

/** OpenSSL checks the MAC before all else, also of a keystore whose encryption is too old for it. */
const opensPkcs12 = (keystore: Uint8Array, password: string): boolean => {
  const read = Result.try(() => createSecureContext({ pfx: Buffer.from(keystore), passphrase: password }))
  return Result.isSuccess(read) || !String(read.failure).includes("mac verify failure")
}

const opens = { pkcs12: opensPkcs12, jks: opensJava } as const

const contentOf = ({ files }: SimVolume, name: string): Uint8Array | undefined =>
  Option.getOrUndefined(Option.map(files, (set) => set.get(name)?.content))?.pipe(Redacted.value)

const fileOf = (volume: SimPodVolume, kind: KeystoreKind): string =>
  attribute(volume, `${kind}-filename`) || usualFiles[kind]

/** The password that chance has made for a keystore, from its file. */
const generatedOf = (volume: SimPodVolume, kind: KeystoreKind, world: World): string | undefined => {
  const mounted = mountOf(volume, world)
  const name = attribute(volume, `${kind}-password-file`) || `${fileOf(volume, kind)}.password`
  const file = mounted === undefined ? undefined : contentOf(mounted, name)
  return file === undefined ? undefined : new TextDecoder().decode(file)
}

/** The password that a volume's keystore is to have now; nothing where nobody can know one. */
const passwordOf = (volume: SimPodVolume, kind: KeystoreKind, world: World): string | undefined => {
  const from = attribute(volume, `${kind}-password-from`)
  if (from === "") return attribute(volume, `${kind}-password`) || undefined
  if (from === "generate") return generatedOf(volume, kind, world)
  const entry = Option.map(world.secretsOf(volume), (secrets) => secrets[from.replace("secret:", "")])
  return Option.getOrUndefined(entry)?.pipe(Redacted.value)
}

/** The volume of which an event may bring a password or a keystore. */
const concerned = (what: Happening, world: World): SimPodVolume | undefined => {
  if (what._tag === "PublishCalled") return what.volume
  return what._tag === "Written" ? volumeAt(world, what.target) : undefined
}

const opensAgain = safety(
  "keystores open",
  "A volume's keystore opens with the password that its pod has or had, and never again with an older one than before.",
  () => {
    /** The passwords that a keystore could have had so far, the newest last, and which of them it had last. */
    const passwords = new Map<string, Array<string>>()
    const last = new Map<string, number>()
    return ({ what }, world) => {
      const volume = concerned(what, world)
      if (volume === undefined) return undefined
      for (const kind of keystoresOf(volume)) {
        const key = `${volume.volumeId}/${kind}`
        const known = passwords.get(key) ?? []
        const now = passwordOf(volume, kind, world)
        if (now !== undefined && known.at(-1) !== now) known.push(now)
        passwords.set(key, known)
        const file = fileOf(volume, kind)
        const keystore = what._tag === "Written" ? contentOf(what.volume, file) : undefined
        if (keystore === undefined || known.length === 0) continue
        const opening = known.findLastIndex((password) => opens[kind](keystore, password))
        if (opening < 0) return `${file} of ${volumeText(volume)} opens with no password of its pod's`
        if (opening < (last.get(key) ?? 0)) return `${file} of ${volumeText(volume)} has an older password again`
        last.set(key, opening)
      }
      return undefined
    }
  }
)

/** The first keystore that does not have the password of now. */
export const outOfDate = (world: World): string | undefined => {
  for (const volume of world.volumes) {
    const mounted = mountOf(volume, world)
    if (mounted === undefined) continue
    for (const kind of keystoresOf(volume)) {
      const file = fileOf(volume, kind)
      const [keystore, password] = [contentOf(mounted, file), passwordOf(volume, kind, world)]
      if (keystore === undefined || password === undefined || opens[kind](keystore, password)) continue
      return `${file} of ${volumeText(volume)} does not open with the password that its pod has now`
    }
  }
  return undefined
}

const passwordsFollowed = liveness(
  "passwords followed",
  "Once faults end, a keystore has the password that its pod has now.",
  () =>
    ({ what }, world) =>
      what._tag === "Settled" ? outOfDate(world) : undefined
)

/** Keystores. */
export const judgesOfKeystores: ReadonlyArray<Invariant> = [opensAgain, passwordsFollowed]
