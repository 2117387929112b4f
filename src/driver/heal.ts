/**
 * Somebody on the node has damaged a volume's files. If the set that certlet wrote is still whole and only the links to
 * it are not, the same files are written again and no certificate is requested. Otherwise a new one is issued. The
 * pod's owner is told of both, because whatever damages files once will do it again.
 */
import { Effect, Ref } from "effect"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { needPasswords } from "./needPasswords.ts"
import { swapAgain } from "./swap.ts"
import { tellDamaged, tellRestored } from "./tell.ts"
import type { Volume } from "./Volume.ts"

/** Writes a damaged volume's files again from the set that it still has; true if they are whole again. */
export const heal = Effect.fnUntraced(
  function* (volume: Volume) {
    const fs = yield* VolumeFS
    yield* needPasswords(volume)
    yield* swapAgain(volume)
    if ((yield* fs.inspect(volume.place.target)) !== "filled") return false
    yield* Effect.logWarning("the links to the volume's files were damaged on the node and are restored")
    yield* tellRestored(volume)
    return true
  },
  Effect.catch((error) =>
    Effect.as(Effect.logWarning(`damaged files cannot be restored from what is left: ${error.message}`), false)
  )
)

/** Tells, once, that the volume's files are missing or damaged; the next certificate heals it. */
export const noteDamage = Effect.fnUntraced(function* (volume: Volume) {
  if (!(yield* Ref.getAndSet(volume.damaged, true))) yield* tellDamaged(volume)
})

/** Removes the sets that a crash left in the volume, with their keys; a swap that is running does so itself. */
export const sweep = (volume: Volume) =>
  Effect.flatMap(VolumeFS, (fs) => fs.sweep(volume.place.target)).pipe(
    volume.swapping.withPermitsIfAvailable(1),
    Effect.catch((error) => Effect.logWarning(`what a crash left in the volume stays for now: ${error.message}`))
  )
