/**
 * The rules of single flags: from the text on the command line to a value, or to what is expected instead. Pure, and
 * free of any knowledge of which flag a rule is for. The grammar that attributes have too is `spec/Rule`'s.
 */
import { Duration, Option, Result } from "effect"
import { parseReadinessGate, type ReadinessGate } from "../spec/ReadinessGate.ts"
import { dnsName, durationWithin, type Rule, when } from "../spec/Rule.ts"

export { durationWithin, nonEmpty, oneOf, wholeNumber } from "../spec/Rule.ts"

/** A path from the root without `.` and `..`. */
export const absolutePath: Rule<string> = (text) =>
  when(/^(\/[^/\0\n]+)+$/.test(text) && !/\/\.\.?(\/|$)/.test(text), text, 'an absolute path without "." and ".."')

/** A unix socket, as a URL or a path; its path may not be longer than the kernel takes (107 bytes). */
export const endpoint: Rule<string> = (text) =>
  Result.flatMap(
    Result.mapError(absolutePath(text.replace(/^unix:(\/\/)?/, "")), () => "unix:///absolute/path"),
    (path) => when(new TextEncoder().encode(path).length <= 107, path, "a socket path of at most 107 bytes")
  )

/** How long a command waits. */
export const timeout: Rule<Duration.Duration> = durationWithin(Duration.millis(1), Duration.days(1))

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

/** Where a server listens. */
export interface BindAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, `:port` for every address of the machine, or `0` for none. */
export const bindAddress: Rule<Option.Option<BindAddress>> = (text) => {
  if (text === "0" || text === "") return Result.succeed(Option.none())
  const [, host = "", digits = ""] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text) ?? []
  const port = digits === "" ? 0 : Number(digits)
  const address = { host: host === "" ? "::" : host.replace(/^\[|\]$/g, ""), port }
  return when(port >= 1 && port <= 65_535, Option.some(address), "host:port, :port, or 0 for none")
}

/** A CSI driver's name. */
export const driverName: Rule<string> = dnsName(63)

/** A cluster's domain. */
export const domain: Rule<string> = dnsName(253)

/** A readiness gate. */
export const gate: Rule<ReadinessGate> = parseReadinessGate
