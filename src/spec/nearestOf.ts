/**
 * The word that somebody most likely meant. Pure. Words are compared by how many letters have to be put in, left out or
 * changed to make one of the other (Levenshtein's distance), because that is what typing errors are made of.
 */
import { Option } from "effect"

const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1]
    for (let at = 0; at < other.length; at++) {
      const changed = (row[at] ?? 0) + (other[at] === letter ? 0 : 1)
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}

/** Words longer than this are cut, because the comparison takes the product of both lengths. */
const longest = 64

/** The nearest few of some words, in any letter case, the nearest first; of several that are as near, the first. */
export const nearestFew = (word: string, words: ReadonlyArray<string>, few: number): ReadonlyArray<string> => {
  const meant = word.slice(0, longest).toLowerCase()
  return words
    .map((one) => ({ one, far: distance(meant, one.slice(0, longest).toLowerCase()) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, few)
    .map(({ one }) => one)
}

/** Without letter case and without what stands between words. */
const bare = (word: string): string =>
  word
    .slice(0, longest)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")

/**
 * The one that a word most likely means; none where nothing is near. Near is a word that needs few changes (one for
 * every four letters), or one that goes on where this one ends, if it is the only such or hardly longer.
 */
export const meantBy = (word: string, words: ReadonlyArray<string>): Option.Option<string> => {
  const meant = bare(word)
  const longer = meant.length < 4 ? [] : words.filter((one) => bare(one).startsWith(meant))
  const [first] = longer.toSorted((one, other) => one.length - other.length)
  if (first !== undefined && (longer.length === 1 || bare(first).length - meant.length <= 5)) return Option.some(first)
  return Option.fromUndefinedOr(
    words
      .map((one) => ({ one, far: distance(meant, bare(one)) }))
      .sort((a, b) => a.far - b.far)
      .find(({ far }) => far <= Math.floor(meant.length / 4))?.one
  )
}

/** The nearest of some words. Empty where there are none. */
export const nearestOf = (word: string, words: ReadonlyArray<string>): string => nearestFew(word, words, 1)[0] ?? ""
