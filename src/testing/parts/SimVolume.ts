/**
 * A volume of certlet's on a simulated node, as the disk keeps it and judges look at it.
 */
import type { Option, Redacted } from "effect"

/** One file of the current set, as a judge sees it. */
export interface SimFile {
  readonly content: Redacted.Redacted<Uint8Array>
  readonly mode: number
}

/** What a stranger has damaged of a set: one of its files, or only a link to it. */
export type SetDamage = "file" | "link"

/**
 * One mount. It has no files before the first write; a process that holds it sees each set of files as it is swapped
 * in.
 */
export interface SimVolume {
  readonly target: string
  readonly group: Option.Option<number>
  files: Option.Option<ReadonlyMap<string, SimFile>>
  damage: Option.Option<SetDamage>
  /** Sets that nobody sees: what a crash has left of a swap. */
  leftovers: ReadonlyArray<ReadonlyMap<string, SimFile>>
}
