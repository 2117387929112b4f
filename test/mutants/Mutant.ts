/**
 * A mutant: one small change to a program of certlet that breaks a promise. It is found by the text that it replaces,
 * so that it survives a line that moves; a text that is not there exactly once is an error, which a test of the list
 * finds. What is near names the tests that are to notice it first.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

/** One change, and what it breaks. */
export interface Mutant {
  /** Unique, in small letters with hyphens. */
  readonly name: string
  /** The source file, by its path below `src`. */
  readonly file: string
  /** A piece of the file's text that stands there exactly once. */
  readonly from: string
  readonly to: string
  /** What goes wrong, as one sentence without a full stop. */
  readonly broken: string
  /** The tests that should notice, by their paths below `test`. */
  readonly near: ReadonlyArray<string>
  /** Why nobody can notice, where that is so: the mutant is not counted. */
  readonly equivalent?: string
}

/** A mutant of a file that stands in one of `near`. */
export const mutantsNear =
  (...near: ReadonlyArray<string>) =>
  (file: string, mutants: ReadonlyArray<Omit<Mutant, "file" | "near"> & Partial<Pick<Mutant, "near">>>) =>
    mutants.map((mutant): Mutant => ({ file, near, ...mutant }))

/** The text of a mutant's file, mutated; throws where the piece is not there exactly once. */
export const mutated = ({ file, from, name, to }: Mutant, text: string): string => {
  const pieces = text.split(from)
  if (pieces.length !== 2) throw new Error(`${name}: its piece of src/${file} is there ${pieces.length - 1} times`)
  return pieces.join(to)
}

/** The text of a mutant's file in a tree. */
export const sourceOf = ({ file }: Pick<Mutant, "file">, tree: string): string =>
  readFileSync(join(tree, "src", file), "utf8")
