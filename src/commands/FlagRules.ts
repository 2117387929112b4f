/**
 * The rules of single flags: from the text on the command line to a value, or to what is expected instead. Pure, and
 * free of any knowledge of which flag a rule is for. The grammar that attributes have too is `spec/Rule`'s.
 */
import { Duration, Option, Result } from "effect"
import type { BindAddress } from "../Settings.ts"
import { parseReadinessGate, type ReadinessGate } from "../spec/ReadinessGate.ts"
import * as Shared from "../spec/Rule.ts"
import { defaultAttribute } from "../spec/withDefaults.ts"

type Rule<A> = Shared.Rule<A>
const { when } = Shared

/** A rule with the word that stands for its values in the help. */
export interface FlagRule<A> extends Rule<A> {
  readonly type: string
}

/** A rule for a flag. */
export const typed = <A>(type: string, rule: Rule<A>): FlagRule<A> =>
  Object.assign((text: string) => rule(text), { type })

/** Any text. */
export const anyText: FlagRule<string> = typed("text", Result.succeed)

/** Any text but an empty one. */
export const nonEmpty: FlagRule<string> = typed("text", Shared.nonEmpty)

/** One of some words, in any letter case. */
export const oneOf = <const A extends string>(words: ReadonlyArray<A>): FlagRule<A> =>
  typed(words.join("|"), Shared.oneOf(words))

/** A whole number of a range, in decimal. */
export const wholeNumber = (least: number, most: number): FlagRule<number> =>
  typed("number", Shared.wholeNumber(least, most))

/** A Go duration of a range. */
export const durationWithin = (least: Duration.Duration, most: Duration.Duration): FlagRule<Duration.Duration> =>
  typed("duration", Shared.durationWithin(least, most))

/** Some words with commas between, each read by a rule; those that it does not read are named. */
export const listOf = <A>(rule: FlagRule<A>): FlagRule<ReadonlyArray<A>> =>
  typed("list", (text) => {
    const read = text.split(",").map((word) => [word.trim(), rule(word)] as const)
    const [wrong, ...others] = read.filter(([, one]) => Result.isFailure(one))
    if (wrong === undefined)
      return Result.succeed(read.flatMap(([, one]) => (Result.isSuccess(one) ? [one.success] : [])))
    const named = [wrong, ...others].map(([word]) => JSON.stringify(word)).join(", ")
    const expected = Result.match(wrong[1], { onFailure: (expected) => expected, onSuccess: () => "" })
    return Result.fail(`${expected}, with commas between; ${named} ${others.length === 0 ? "is" : "are"} not`)
  })

/** A path without `.` and `..`; double slashes, and those at the end, mean nothing. */
export const path: FlagRule<string> = typed("path", (text) => {
  const plain = text.replaceAll(/\/{2,}/g, "/").replace(/(?<=[^/])\/$/, "")
  return when(
    /^\/?[^/\0\n]+(\/[^/\0\n]+)*$/.test(plain) && !/(^|\/)\.\.?(\/|$)/.test(plain),
    plain,
    'a path without "." and ".."'
  )
})

/** A path from the root. */
export const absolutePath: FlagRule<string> = typed("path", (text) =>
  Result.mapError(
    Result.filterOrFail(
      path(text),
      (plain) => plain.startsWith("/"),
      () => ""
    ),
    () => 'an absolute path without "." and ".."'
  )
)

/** A unix socket, as a URL or a path. */
export const endpoint: FlagRule<string> = typed("socket", (text) =>
  Result.mapError(
    Result.filterOrFail(
      path(text.replace(/^unix:(\/\/)?/i, "")),
      (plain) => !/^[a-z]+:/i.test(plain),
      () => ""
    ),
    () => "unix:///absolute/path"
  )
)

/** A socket's path from the root, which may not be longer than the kernel takes. */
export const socketPath: FlagRule<string> = typed("socket", (text) =>
  when(new TextEncoder().encode(text).length <= 107, text, "a socket path of at most 107 bytes")
)

/** How long a call may take, as kubectl reads it: a plain number is in seconds, and 0 is no limit. */
export const requestTimeout: FlagRule<Duration.Duration> = typed("duration", (text) => {
  const limit = /^\d{1,9}$/.test(text) ? `${text}s` : text
  const within = durationWithin(Duration.millis(100), Duration.minutes(10))
  return Result.orElse(
    Result.map(durationWithin(Duration.zero, Duration.zero)(limit), () => Duration.infinity),
    () => Result.mapError(within(limit), (expected) => `${expected}, or 0 for no limit`)
  )
})

/** A name and its value, `key=value`. */
export const pair: FlagRule<readonly [key: string, value: string]> = typed("key=value", (text) => {
  const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  return when(key !== "", [key, value] as const, "key=value")
})

/** How long a command waits. */
export const timeout: FlagRule<Duration.Duration> = durationWithin(Duration.millis(1), Duration.days(1))

/** A number of a range, with decimals or without. */
export const decimal = (least: number, most: number): FlagRule<number> =>
  typed("number", (text) => {
    const number = /^\+?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
    return when(number >= least && number <= most, number, `a number from ${least} to ${most}`)
  })

const units = { "": 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const

/** A size in bytes, at least 64 KiB: a page or two for each file of a large chain. */
export const size: FlagRule<number> = typed("size", (text) => {
  const [, digits = "", unit = ""] = /^(\d{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? []
  const bytes = digits === "" ? 0 : Number(digits) * units[unit === "Ki" || unit === "Mi" || unit === "Gi" ? unit : ""]
  return when(bytes >= 65_536 && bytes <= 2 ** 34, bytes, "a size such as 512Ki or 4Mi, from 64Ki to 16Gi")
})

/** `host:port`, `:port` for every address of the machine, or `0` for none. */
export const bindAddress: FlagRule<Option.Option<BindAddress>> = typed("host:port", (text) => {
  if (text === "0" || text === "") return Result.succeed(Option.none())
  const [, host = "", digits = ""] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text) ?? []
  const port = digits === "" ? 0 : Number(digits)
  const address = { host: host === "" ? Option.none() : Option.some(host.replace(/^\[|\]$/g, "")), port }
  return when(port >= 1 && port <= 65_535, Option.some(address), "host:port, :port, or 0 for none")
})

/** A CSI driver's name. */
export const driverName: FlagRule<string> = typed("name", Shared.dnsName(63))

/** A cluster's domain. */
export const domain: FlagRule<string> = typed("domain", Shared.dnsName(253))

/** An attribute with the value that a node gives it. */
export const attribute: FlagRule<readonly [name: string, value: string]> = typed("attribute=value", defaultAttribute)

/** A readiness gate. */
export const gate: FlagRule<ReadinessGate> = typed("gate", parseReadinessGate)
