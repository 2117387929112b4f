/**
 * Durations as Go writes them, because every flag and attribute of the driver that certlet replaces is written so.
 * Pure: text to a Duration and back. A text is a sign and a sequence of decimal numbers with units (`ns`, `us`, `ms`,
 * `s`, `m`, `h`); plain `0` needs none. What is too long for Go's 64 bits of nanoseconds is no duration.
 */
import { Duration, Option } from "effect"

const nanosPer = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n
} as const

const longest = 2n ** 63n - 1n

const isUnit = (unit: string): unit is keyof typeof nanosPer => Object.hasOwn(nanosPer, unit)

/** The nanoseconds of one number with its unit; digits below a nanosecond are cut. */
const term = (whole: string, fraction: string, unit: keyof typeof nanosPer): bigint => {
  const nanos = nanosPer[unit]
  const digits = fraction.slice(0, 18)
  const part = digits === "" ? 0n : (BigInt(digits) * nanos) / 10n ** BigInt(digits.length)
  return BigInt(whole === "" ? "0" : whole) * nanos + part
}

/** Reads a Go duration (`1h30m`, `1.5h`, `-5s`); none where it is not one. */
export const parseGoDuration = (text: string): Option.Option<Duration.Duration> => {
  if (/^[+-]?0$/.test(text)) return Option.some(Duration.zero)
  // The length first: numbers of a million digits take long to multiply.
  if (text.length > 100) return Option.none()
  const one = /([\d.]+)([a-z\u00b5\u03bc]+)/y
  one.lastIndex = /^[+-]/.test(text) ? 1 : 0
  let nanos = 0n
  do {
    const [, number = "", unit = ""] = one.exec(text) ?? []
    const [whole = "", fraction = "", more] = number.split(".")
    if (whole + fraction === "" || more !== undefined || !isUnit(unit)) return Option.none()
    nanos += term(whole, fraction, unit)
  } while (one.lastIndex < text.length)
  return nanos > longest ? Option.none() : Option.some(Duration.nanos(text.startsWith("-") ? -nanos : nanos))
}

/** Writes a duration as Go reads it: hours, minutes, and seconds with as many decimals as there are. */
export const formatGoDuration = (duration: Duration.Duration): string => {
  const nanos = Option.getOrElse(Duration.toNanos(duration), () => longest)
  const size = nanos < 0n ? -nanos : nanos
  const seconds = size / nanosPer.s
  const nine = (size % nanosPer.s).toString().padStart(9, "0")
  const decimals = nine.slice(0, [...nine].findLastIndex((digit) => digit !== "0") + 1)
  const parts = [
    seconds >= 3600n ? `${seconds / 3600n}h` : "",
    seconds >= 60n ? `${(seconds % 3600n) / 60n}m` : "",
    `${seconds % 60n}${decimals === "" ? "" : `.${decimals}`}s`
  ]
  return `${nanos < 0n ? "-" : ""}${parts.join("")}`
}
