/**
 * The files of one issue, as a value: names, bytes and modes, before anything touches a disk. Pure: from the spec, the key
 * and the issuer's answer to the set of files that the pod will see. A set is written whole or not at all, so whatever
 * belongs together belongs into one set.
 */
import type { Redacted } from "effect"

/** One file: a plain name without `/`, its bytes, and its permission bits. */
export interface File {
  readonly name: string
  readonly content: Redacted.Redacted<Uint8Array>
  readonly mode: number
}

/** The files of one issue. */
export type FileSet = ReadonlyArray<File>
