/**
 * The rules of single flags: from the text on the command line to a value, or to what is expected instead. Pure, and
 * free of any knowledge of which flag a rule is for. The grammar that attributes have too is `spec/Rule`'s.
 */
import { Duration, Option, Result } from "effect"
import type { BindAddress } from "../Settings.ts"
import { parseReadinessGate, type ReadinessGate } from "../spec/ReadinessGate.ts"
import { dnsName, durationWithin, type Rule, when } from "../spec/Rule.ts"

export { durationWithin, nonEmpty, oneOf, wholeNumber } from "../spec/Rule.ts"

/** Some words with commas between, each read by a rule; those that it does not read are named. */
export const listOf =
  <A>(rule: Rule<A>): Rule<ReadonlyArray<A>> =>
  (text) => {
    const read = text.split(",").map((word) => [word.trim(), rule(word)] as const)
    const [wrong, ...others] = read.filter(([, one]) => Result.isFailure(one))
    if (wrong === undefined)
      return Result.succeed(read.flatMap(([, one]) => (Result.isSuccess(one) ? [one.success] : [])))
    const named = [wrong, ...others].map(([word]) => JSON.stringify(word)).join(", ")
    const expected = Result.match(wrong[1], { onFailure: (expected) => expected, onSuccess: () => "" })
    return Result.fail(`${expected}, with commas between; ${named} ${others.length === 0 ? "is" : "are"} not`)
  }

/** A path without `.` and `..`; double slashes, and those at the end, mean nothing. */
export const path: Rule<string> = (text) => {
  const plain = text.replaceAll(/\/{2,}/g, "/").replace(/(?<=[^/])\/$/, "")
  return when(
    /^\/?[^/\0\n]+(\/[^/\0\n]+)*$/.test(plain) && !/(^|\/)\.\.?(\/|$)/.test(plain),
    plain,
    'a path without "." and ".."'
  )
}

/** A path from the root. */
export const absolutePath: Rule<string> = (text) =>
  Result.mapError(
    Result.filterOrFail(
      path(text),
      (plain) => plain.startsWith("/"),
      () => ""
    ),
    () => 'an absolute path without "." and ".."'
  )

/** A unix socket, as a URL or a path. */
export const endpoint: Rule<string> = (text) =>
  Result.mapError(
    Result.filterOrFail(
      path(text.replace(/^unix:(\/\/)?/i, "")),
      (plain) => !/^[a-z]+:/i.test(plain),
      () => ""
    ),
    () => "unix:///absolute/path"
  )

/** A socket's path from the root, which may not be longer than the kernel takes. */
export const socketPath: Rule<string> = (text) =>
  when(new TextEncoder().encode(text).length <= 107, text, "a socket path of at most 107 bytes")

/** How long a call may take, as kubectl reads it: a plain number is in seconds, and 0 is no limit. */
export const requestTimeout: Rule<Duration.Duration> = (text) => {
  const limit = /^\d{1,9}$/.test(text) ? `${text}s` : text
  const within = durationWithin(Duration.millis(100), Duration.minutes(10))
  return Result.orElse(
    Result.map(durationWithin(Duration.zero, Duration.zero)(limit), () => Duration.infinity),
    () => Result.mapError(within(limit), (expected) => `${expected}, or 0 for no limit`)
  )
}

/** A name and its value, `key=value`. */
export const pair: Rule<readonly [key: string, value: string]> = (text) => {
  const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  return when(key !== "", [key, value] as const, "key=value")
}

/** How long a command waits. */
export const timeout: Rule<Duration.Duration> = durationWithin(Duration.millis(1), Duration.days(1))

const yes = ["true", "yes", "on", "1", "y", "t"]
const no = ["false", "no", "off", "0", "n", "f"]

/** On or off, in any letter case: the words of the command line, and of Go. */
export const boolean: Rule<boolean> = (text) => {
  const word = text.trim().toLowerCase()
  return when(yes.includes(word) || no.includes(word), yes.includes(word), "true or false")
}

/** A number of a range, with decimals or without. */
export const decimal =
  (least: number, most: number): Rule<number> =>
  (text) => {
    const number = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
    return when(number >= least && number <= most, number, `a number from ${least} to ${most}`)
  }

const units = { "": 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const

/** A size in bytes, at least 64 KiB: a page or two for each file of a large chain. */
export const size: Rule<number> = (text) => {
  const [, digits = "", unit = ""] = /^(\d{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? []
  const bytes = digits === "" ? 0 : Number(digits) * units[unit === "Ki" || unit === "Mi" || unit === "Gi" ? unit : ""]
  return when(bytes >= 65_536 && bytes <= 2 ** 34, bytes, "a size such as 512Ki or 4Mi, from 64Ki to 16Gi")
}

/** `host:port`, `:port` for every address of the machine, or `0` for none. */
export const bindAddress: Rule<Option.Option<BindAddress>> = (text) => {
  if (text === "0" || text === "") return Result.succeed(Option.none())
  const [, host = "", digits = ""] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text) ?? []
  const port = digits === "" ? 0 : Number(digits)
  const address = { host: host === "" ? Option.none() : Option.some(host.replace(/^\[|\]$/g, "")), port }
  return when(port >= 1 && port <= 65_535, Option.some(address), "host:port, :port, or 0 for none")
}

/** A CSI driver's name. */
export const driverName: Rule<string> = dnsName(63)

/** A cluster's domain. */
export const domain: Rule<string> = dnsName(253)

/** A readiness gate. */
export const gate: Rule<ReadinessGate> = parseReadinessGate
