/**
 * A stranger on the node has damaged a volume's files. Where the set that certlet wrote is still whole and only the links to it
 * are not, the same files are written again and no certificate is asked for. Otherwise a new one is issued. The pod's owner
 * hears of both, because whatever damages files once will do it again.
 */
import { Effect, Ref } from "effect"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { needPasswords } from "./needPasswords.ts"
import { swapAgain } from "./swap.ts"
import { tellDamaged, tellRestored } from "./tell.ts"
import type { Volume } from "./Volume.ts"

/** Writes a damaged volume's files again from the set that it still holds; true where they are whole again. */
export const heal = (volume: Volume) =>
  Effect.gen(function* () {
    const fs = yield* VolumeFS
    yield* needPasswords(volume)
    yield* swapAgain(volume)
    if ((yield* fs.inspect(volume.place.target)) !== "filled") return false
    yield* Effect.logWarning("the links to the volume's files were damaged on the node and have been restored")
    yield* tellRestored(volume)
    return true
  }).pipe(
    Effect.catch((error) =>
      Effect.as(Effect.logWarning(`damaged files cannot be restored from what is left: ${error.message}`), false)
    )
  )

/** Takes note, once, that the volume's files are missing or damaged and that the next certificate heals it. */
export const noteDamage = (volume: Volume) =>
  Effect.flatMap(Ref.getAndSet(volume.damaged, true), (known) => (known ? Effect.void : tellDamaged(volume)))

/** Clears away the sets that a crash left in the volume, with their keys, unless a swap is at it and does so itself. */
export const sweep = (volume: Volume) =>
  Effect.gen(function* () {
    const fs = yield* VolumeFS
    yield* fs.sweep(volume.place.target)
  }).pipe(
    volume.swapping.withPermitsIfAvailable(1),
    Effect.catch((error) => Effect.logWarning(`what a crash left in the volume stays for now: ${error.message}`))
  )
