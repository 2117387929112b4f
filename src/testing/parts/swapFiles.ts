/**
 * How a simulated disk swaps the files of a volume. As on a real node, they are written one by one beside the old set,
 * then one rename shows them, then the old set goes; a sweep meanwhile takes what it does not know.
 */
import { Effect, Option, Redacted } from "effect"
import type { FileSet } from "../../volume/FileSet.ts"
import { VolumeError } from "../../volume/VolumeFS.ts"
import { DiskStep } from "./DiskStep.ts"
import type { SimFile, SimVolume } from "./SimVolume.ts"

const failure = (reason: "Io" | "Foreign", path: string, detail: string) =>
  Effect.fail(new VolumeError({ reason, action: "write", path, detail }))

/** The bytes, copied: what their owner does with them afterwards is no business of the disk's. */
export const copied = (content: Redacted.Redacted<Uint8Array>) => Redacted.make(Redacted.value(content).slice())

/** Swaps a volume's files; `isThere` tells whether it still stands at its target, and `written` is called after it. */
export const swapFiles = Effect.fnUntraced(function* (
  volume: SimVolume,
  files: FileSet,
  { isThere, written }: { readonly isThere: () => boolean; readonly written: () => void }
) {
  const step = yield* DiskStep
  const stage = new Map<string, SimFile>()
  volume.leftovers = [...volume.leftovers, stage]
  const swept = failure("Io", volume.target, "the folder of the new files was removed meanwhile (simulated)")
  const next = Effect.andThen(
    step,
    Effect.suspend(() => (volume.leftovers.includes(stage) ? Effect.void : swept))
  )
  for (const { content, mode, name } of files) {
    yield* next
    stage.set(name, { content: copied(content), mode })
  }
  yield* next
  if (!isThere()) return yield* failure("Foreign", volume.target, "the volume was unmounted meanwhile")
  const old = Option.toArray(volume.files)
  volume.leftovers = [...volume.leftovers.filter((set) => set !== stage), ...old]
  volume.files = Option.some(stage)
  volume.damage = Option.none()
  written()
  yield* step
  volume.leftovers = volume.leftovers.filter((set) => !old.includes(set))
})
