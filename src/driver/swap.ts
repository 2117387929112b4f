/**
 * The files of a volume change: all of them, in one swap, of one material. A renewal brings new material; when only the
 * passwords of keystores have changed, or the CA, the material that the volume holds is written again. Whoever swaps
 * holds the volume's permit, so that nobody writes back what somebody else has just replaced.
 */
import { Deferred, Effect, Option, Ref } from "effect"
import { wipe } from "../issuance/wipe.ts"
import { type FileSet, fileSet, type Material, materialOf } from "../volume/FileSet.ts"
import { keystoreFiles } from "../volume/keystoreFiles.ts"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { withTrust } from "./awaitTrust.ts"
import { useHeld } from "./held.ts"
import { keepLastSeal, sealPasswords } from "./needPasswords.ts"
import type { Volume } from "./Volume.ts"

/** Gives the volume the files of this material. */
export const swap = (volume: Volume, material: Material) =>
  volume.swapping.withPermit(Effect.andThen(Deferred.await(volume.mounted), writeTrusted(volume, material)))

/** What is to be written again of what a volume holds; none where nothing is. */
type Change<E, R> = (held: Material) => Effect.Effect<Option.Option<Material>, E, R>

/**
 * Writes the volume's files again, from the key and the certificate that it holds; nothing where it holds none, or
 * where `change` finds nothing to write. It is asked when nobody else writes any more. True where files were written.
 */
export const swapAgain = <E = never, R = never>(volume: Volume, change: Change<E, R> = Effect.succeedSome) =>
  volume.swapping.withPermit(writeHeld(volume, change))

const writeTrusted = Effect.fnUntraced(function* (volume: Volume, material: Material) {
  yield* write(volume, { ...material, signed: yield* withTrust(volume, material.signed) })
})

const writeHeld = Effect.fnUntraced(function* <E, R>(volume: Volume, change: Change<E, R>) {
  const material = yield* useHeld(volume, (held) => Effect.sync(() => materialOf(volume.spec, held)))
  if (Option.isNone(material)) return false
  return yield* Effect.ensuring(writeChanged(volume, material.value, change), wipe([material.value.privateKey]))
})

const writeChanged = Effect.fnUntraced(function* <E, R>(volume: Volume, held: Material, change: Change<E, R>) {
  const changed = yield* change(held)
  if (Option.isSome(changed)) yield* write(volume, changed.value)
  return Option.isSome(changed)
})

const write = Effect.fnUntraced(function* (volume: Volume, material: Material) {
  const fs = yield* VolumeFS
  const keystores = yield* keystoresOf(volume, material)
  const files = [...fileSet(volume.spec, material), ...keystores]
  yield* Effect.ensuring(fs.write(volume.place, files), wipe(files.map(({ content }) => content)))
  yield* keepLastSeal(volume)
})

/** The keystores, and their passwords sealed before the key that seals them is the only one in the volume. */
const keystoresOf = Effect.fnUntraced(function* (volume: Volume, material: Material) {
  const none: FileSet = []
  if (volume.spec.keystores.length === 0) return none
  const passwords = Option.getOrElse(yield* Ref.get(volume.passwords), () => new Map())
  yield* sealPasswords(volume, material.privateKey, passwords)
  return yield* useHeld(volume, (held) => keystoreFiles(volume.spec, material, passwords, held))
})
