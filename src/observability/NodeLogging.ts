/**
 * How the process speaks: to standard error, one JSON object a line for machines, or lines for people at a terminal. A
 * message is one plain text, with what belongs to it as annotations with it. What is secret is `Redacted` long
 * before it reaches a logger; what killed something is a line too, so that no log is torn into several: what our own
 * errors say of themselves, and never the errors behind them, whose texts nobody has checked for secrets.
 */
import { Cause, Formatter, Inspectable, Layer, Logger, type LogLevel, Option, References } from "effect"
import { oneLine } from "../spec/oneLine.ts"

/** How the process speaks of itself. */
export interface LogSettings {
  readonly level: number
  readonly format: Option.Option<"json" | "pretty">
}

/** Verbosity as the driver that certlet replaces counts it, to levels. */
const levels: ReadonlyArray<LogLevel.LogLevel> = ["Info", "Info", "Debug", "Debug", "Trace"]

const textOf = (message: unknown): string =>
  Array.isArray(message)
    ? message.map((part) => (typeof part === "string" ? part : Inspectable.toStringUnknown(part, 0))).join(" ")
    : Inspectable.toStringUnknown(message, 0)

const saying = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : Inspectable.toStringUnknown(error, 0)

/** Where a defect came from: the first frame, because a bug's place is half of its report. */
const placeOf = (defect: unknown): string => {
  const frame = defect instanceof Error ? /^ {4}at .*$/m.exec(defect.stack ?? "")?.[0].trim() : undefined
  return frame === undefined ? "" : ` (${frame})`
}

const causeLine = (cause: Cause.Cause<unknown>): string =>
  cause.reasons
    .map((reason) => {
      if (Cause.isInterruptReason(reason)) return "interrupted"
      return Cause.isFailReason(reason) ? saying(reason.error) : `${saying(reason.defect)}${placeOf(reason.defect)}`
    })
    .map(oneLine)
    .join("; ")

const json = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const spans = fiber.getRef(References.CurrentLogSpans)
  const line = {
    timestamp: date.toISOString(),
    level: logLevel.toLowerCase(),
    message: textOf(message),
    ...(cause.reasons.length > 0 ? { cause: causeLine(cause) } : {}),
    annotations,
    ...(spans.length > 0
      ? { spans: Object.fromEntries(spans.map(([label, since]) => [label, date.getTime() - since])) }
      : {})
  }
  process.stderr.write(`${Formatter.formatJson(line)}\n`)
})

const pretty = Logger.withConsoleError(
  Logger.make<unknown, string>((options) => {
    const why = options.cause.reasons.length > 0 ? `: ${causeLine(options.cause)}` : ""
    return Logger.formatLogFmt.log({ ...options, cause: Cause.empty, message: `${textOf(options.message)}${why}` })
  })
)

/** The logger that the flags ask for: without a format, pretty on a terminal and JSON elsewhere. */
export const loggingLayer = ({ format, level }: LogSettings): Layer.Layer<never> => {
  const chosen = Option.getOrElse(format, () => (process.stderr.isTTY === true ? "pretty" : "json"))
  return Layer.mergeAll(
    Logger.layer([chosen === "json" ? json : pretty]),
    Layer.succeed(References.MinimumLogLevel, levels[level - 1] ?? "Info")
  )
}
