/**
 * The rules of single flags: from the text on the command line to a value, or to what was expected instead. Pure, and free of
 * any knowledge of which flag a rule is for. They are the attributes' rules' siblings: those speak to a pod's author in a
 * sentence, these to an operator after the word "expected".
 */
import { Duration, Option, Result } from "effect"
import { parseGoDuration } from "../spec/GoDuration.ts"
import { parseReadinessGate, type ReadinessGate } from "../spec/ReadinessGate.ts"

/** A rule: a value, or what was expected. */
export type FlagRule<A> = (text: string) => Result.Result<A, string>

const when = <A>(holds: boolean, value: A, expected: string): Result.Result<A, string> =>
  holds ? Result.succeed(value) : Result.fail(expected)

/** Anything but nothing. */
export const given: FlagRule<string> = (text) => when(text.trim() !== "", text, "a value that is not empty")

/** One of some words. */
export const oneOf =
  <const A extends string>(words: ReadonlyArray<A>): FlagRule<A> =>
  (text) =>
    Result.fromNullishOr(
      words.find((word) => word === text),
      () => words.join(" or ")
    )

/** A path from the root without `.` and `..`. */
export const absolutePath: FlagRule<string> = (text) =>
  when(/^(\/[^/\0\n]+)+$/.test(text) && !/\/\.\.?(\/|$)/.test(text), text, 'an absolute path without "." and ".."')

/** A unix socket, as a URL or a path; its path may not be longer than the kernel takes (107 bytes). */
export const endpoint: FlagRule<string> = (text) =>
  Result.flatMap(
    Result.mapError(absolutePath(text.replace(/^unix:(\/\/)?/, "")), () => "unix:///absolute/path"),
    (path) => when(new TextEncoder().encode(path).length <= 107, path, "a socket path of at most 107 bytes")
  )

/** A CSI driver's name: a DNS subdomain of at most 63 characters. */
export const driverName: FlagRule<string> = (text) =>
  when(
    /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(text),
    text,
    "a DNS name in small letters of at most 63 characters"
  )

/** A Go duration of a range. */
export const durationWithin =
  (least: Duration.Duration, most: Duration.Duration): FlagRule<Duration.Duration> =>
  (text) =>
    Result.fromOption(
      Option.filter(parseGoDuration(text), Duration.between({ minimum: least, maximum: most })),
      () => `a duration such as 90s or 1m30s, from ${Duration.format(least)} to ${Duration.format(most)}`
    )

/** How long a command waits. */
export const timeout: FlagRule<Duration.Duration> = durationWithin(Duration.millis(1), Duration.days(1))

/** A number of a range, with decimals or without. */
export const decimal =
  (least: number, most: number): FlagRule<number> =>
  (text) => {
    const number = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
    return when(number >= least && number <= most, number, `a number from ${least} to ${most}`)
  }

/** A whole number of a range. */
export const wholeNumber =
  (least: number, most: number): FlagRule<number> =>
  (text) => {
    const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    return when(number >= least && number <= most, number, `a whole number from ${least} to ${most}`)
  }

const units = { "": 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const

/** A size in bytes, at least 64 KiB: a page or two for each file of a large chain. */
export const size: FlagRule<number> = (text) => {
  const [, digits = "", unit = ""] = /^(\d{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? []
  const bytes = digits === "" ? 0 : Number(digits) * units[unit === "Ki" || unit === "Mi" || unit === "Gi" ? unit : ""]
  return when(bytes >= 65_536 && bytes <= 2 ** 34, bytes, "a size such as 512Ki or 4Mi, from 64Ki to 16Gi")
}

/** Where a server listens. */
export interface BindAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, `:port` for every address of the machine, or `0` for nowhere. */
export const bindAddress: FlagRule<Option.Option<BindAddress>> = (text) => {
  if (text === "0" || text === "") return Result.succeed(Option.none())
  const [, host = "", digits = ""] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text) ?? []
  const port = digits === "" ? 0 : Number(digits)
  const address = { host: host === "" ? "::" : host.replace(/^\[|\]$/g, ""), port }
  return when(port >= 1 && port <= 65_535, Option.some(address), "host:port, :port, or 0 for none")
}

/** A readiness gate. */
export const gate: FlagRule<ReadinessGate> = parseReadinessGate

/** A cluster's domain: a DNS name of at most 253 characters. */
export const domain: FlagRule<string> = (text) =>
  when(
    /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(text),
    text,
    "a DNS name in small letters, such as cluster.local"
  )
