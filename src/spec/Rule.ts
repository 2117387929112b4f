/**
 * A rule for a text that somebody wrote, and the grammar that attributes and flags share. A rule that is broken says
 * what is expected, and the reader of an attribute (`AttributeRules`) or of a flag (`commands/`) makes a sentence of
 * it. Pure, and free of any knowledge of which attribute or flag a rule is for.
 */
import { Duration, Option, Result } from "effect"
import { parseGoDuration } from "./GoDuration.ts"

/** A rule: the value, or the end of a sentence that says why the text is refused. */
export type Rule<A> = (text: string) => Result.Result<A, string>

/** What was found, quoted and no longer than a line. */
export const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)

/** The value if the condition holds, otherwise what is expected. */
export const when = <A>(holds: boolean, value: A, expected: string): Result.Result<A, string> =>
  holds ? Result.succeed(value) : Result.fail(expected)

/** Any text but an empty one. */
export const nonEmpty: Rule<string> = (text) => when(text.trim() !== "", text, "a value that is not empty")

/** One of some words, in any letter case. */
export const oneOf =
  <const A extends string>(words: ReadonlyArray<A>): Rule<A> =>
  (text) =>
    Result.fromNullishOr(
      words.find((word) => word.toLowerCase() === text.trim().toLowerCase()),
      () => `one of ${words.join(", ")}`
    )

/** What says on and what says off: the words of Go's `strconv.ParseBool`. */
export const booleanWords = {
  on: ["true", "True", "TRUE", "t", "T", "1"],
  off: ["false", "False", "FALSE", "f", "F", "0"]
} as const

/** True where a text is one of the words for on, or for off. */
export const says = (text: string | undefined, word: keyof typeof booleanWords): boolean =>
  booleanWords[word].some((one) => one === text)

/** On or off. */
export const boolean: Rule<boolean> = (text) =>
  when(says(text, "on") || says(text, "off"), says(text, "on"), "true or false")

/** A whole number of a range, in decimal; as in Go a plus sign may stand before it. */
export const wholeNumber =
  (least: number, most: number): Rule<number> =>
  (text) => {
    const number = /^\+?\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    return when(number >= least && number <= most, number, `a whole number from ${least} to ${most}`)
  }

/** A Go duration of a range; without `most` it has no upper end. */
export const durationWithin =
  (least: Duration.Duration, most?: Duration.Duration): Rule<Duration.Duration> =>
  (text) =>
    Result.fromOption(
      Option.filter(
        parseGoDuration(text),
        (found) =>
          Duration.isGreaterThanOrEqualTo(found, least) &&
          (most === undefined || Duration.isLessThanOrEqualTo(found, most))
      ),
      () =>
        `a duration such as 24h or 1m30s, ${
          most === undefined
            ? `at least ${Duration.format(least)}`
            : `from ${Duration.format(least)} to ${Duration.format(most)}`
        }`
    )

/** A DNS name in small letters (RFC 1123). */
export const dnsName =
  (longest: number): Rule<string> =>
  (text) =>
    when(
      text.length <= longest && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(text),
      text,
      `a DNS name in small letters of at most ${longest} characters`
    )
