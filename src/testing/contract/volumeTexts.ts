/**
 * What the laws of `VolumeFS` are said with: sets of text files, a volume's contents as one text to compare, and what
 * stands at a target. Nothing here decides anything.
 */
import { Effect, Option, Redacted } from "effect"
import type { FileSet } from "../../volume/FileSet.ts"
import { type VolumeError, VolumeFS, type VolumePlace } from "../../volume/VolumeFS.ts"
import { same } from "./Law.ts"

/** A place without anything particular. */
export const placeOf = (target: string, mountFlags: ReadonlyArray<string> = []): VolumePlace => ({
  target,
  mountFlags,
  group: Option.none()
})

/** A set of text files. */
export const textFiles = (texts: Readonly<Record<string, string>>): FileSet =>
  Object.entries(texts).map(([name, text]) => ({
    name,
    content: Redacted.make(new TextEncoder().encode(text)),
    mode: 0o440
  }))

/** A set, and another one. */
export const first = { "tls.key": "key 1", "tls.crt": "certificate 1", "ca.crt": "" }
export const second = { "tls.key": "key 2", "tls.crt": "certificate 2", "keystore.p12": "store 2" }

/** The current set as one text, to compare: names and contents in the order of the names. */
export const shown = Effect.fnUntraced(function* (target: string) {
  const fs = yield* VolumeFS
  const files = yield* fs.read(target)
  return Option.match(files, {
    onNone: () => "nothing",
    onSome: (files) =>
      render(Object.fromEntries([...files].map(([name, bytes]) => [name, decoded(Redacted.value(bytes))])))
  })
})

const decoded = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** A set of texts as one text. */
export const render = (texts: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(texts).sort(([one], [other]) => (one < other ? -1 : 1)))

/** The call fails for this reason. */
export const fails = <A, R>(effect: Effect.Effect<A, VolumeError, R>, reason: VolumeError["reason"]) =>
  Effect.flatMap(Effect.result(effect), (result) =>
    same(result._tag === "Failure" ? result.failure.reason : "success", reason, "the outcome")
  )

/** This is what stands at the target. */
export const condition = Effect.fnUntraced(function* (target: string, wanted: string) {
  const fs = yield* VolumeFS
  yield* same(yield* fs.inspect(target), wanted, "what stands there")
})
