/**
 * How the process speaks: to standard error, one JSON object a line for machines, or lines for people at a terminal. A message
 * is one plain text, with what belongs to it as annotations beside it. What is secret is `Redacted` long before it reaches a
 * logger; what killed something is a line too, so that no log is torn into several.
 */
import { Cause, Inspectable, Layer, Logger, type LogLevel, Option, References } from "effect"
import type { LogSettings } from "./NodeFlags.ts"

/** Verbosity as the driver that certlet replaces counts it, to levels. */
const levels: ReadonlyArray<LogLevel.LogLevel> = ["Info", "Info", "Debug", "Debug", "Trace"]

const textOf = (message: unknown): string =>
  Array.isArray(message)
    ? message.map((part) => (typeof part === "string" ? part : Inspectable.toStringUnknown(part, 0))).join(" ")
    : Inspectable.toStringUnknown(message, 0)

const lines = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const line = {
    timestamp: date.toISOString(),
    level: logLevel.toLowerCase(),
    message: textOf(message),
    ...(cause.reasons.length > 0 ? { cause: Cause.pretty(cause) } : {}),
    annotations
  }
  process.stderr.write(`${JSON.stringify(line)}\n`)
})

/** The logger that the flags ask for: without a format, pretty on a terminal and JSON elsewhere. */
export const loggingLayer = ({ format, level }: LogSettings): Layer.Layer<never> => {
  const chosen = Option.getOrElse(format, () => (process.stderr.isTTY === true ? "pretty" : "json"))
  const pretty = Logger.withConsoleError(Logger.formatLogFmt)
  return Layer.mergeAll(
    Logger.layer([chosen === "json" ? lines : pretty]),
    Layer.succeed(References.MinimumLogLevel, levels[level - 1] ?? "Info")
  )
}
