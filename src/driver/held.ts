/**
 * What a volume holds, read for a moment: whoever reads it says what for, and the bytes are overwritten as soon as that
 * is done, also where it fails. What is to last longer is copied.
 */
import { Effect, Option, type Redacted } from "effect"
import { wipe } from "../issuance/wipe.ts"
import { privateKeyOf } from "../volume/FileSet.ts"
import { VolumeFS } from "../volume/VolumeFS.ts"
import type { Volume } from "./Volume.ts"

type Bytes = Redacted.Redacted<Uint8Array>

/** The files of a volume by name. */
export type Held = ReadonlyMap<string, Bytes>

/** Reads the volume's files and uses them; there are none where nothing was written or something is damaged. */
export const useHeld = Effect.fnUntraced(function* <A, E, R>(
  volume: Volume,
  use: (held: Held) => Effect.Effect<A, E, R>
) {
  const fs = yield* VolumeFS
  const held: Held = Option.getOrElse(yield* fs.read(volume.place.target), () => new Map<string, Bytes>())
  return yield* Effect.ensuring(use(held), wipe(held.values()))
})

/** A copy of the key that the volume holds, PKCS#8 DER; whoever asks for it overwrites it. */
export const keyHeld = (volume: Volume) => useHeld(volume, (held) => Effect.sync(() => privateKeyOf(volume.spec, held)))
