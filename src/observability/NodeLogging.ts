/**
 * How the process speaks: to standard error, one JSON object a line for machines, or lines for people at a terminal. A
 * message is one plain text, with what belongs to it as annotations with it. What is secret is `Redacted` long
 * before it reaches a logger; what killed something is a line too, so that no log is torn into several: what our own
 * errors say of themselves, and never the errors behind them, whose texts nobody has checked for secrets.
 */
import { Cause, Formatter, Inspectable, Layer, Logger, type LogLevel, Option, References } from "effect"
import { oneLine } from "../spec/oneLine.ts"
import { paintFor, type Style } from "./NodePaint.ts"

/** How the process speaks of itself. */
export interface LogSettings {
  readonly level: number
  readonly format: Option.Option<"json" | "pretty">
}

/** Verbosity as the driver that certlet replaces counts it: what changes, each call, each decision. */
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
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(spans.length > 0
      ? { spans: Object.fromEntries(spans.map(([label, since]) => [label, date.getTime() - since])) }
      : {})
  }
  process.stderr.write(`${Formatter.formatJson(line)}\n`)
})

const paint = paintFor("stderr")

const paints: Partial<Record<LogLevel.LogLevel, Style>> = {
  Trace: "gray",
  Debug: "gray",
  Info: "green",
  Warn: "yellow",
  Error: "red",
  Fatal: "redBright"
}

/** Where annotations begin, if the message is not longer. */
const messageWidth = 48

/** `key=value`, and what lies within a value as `key.inner=value`; a value with blanks is quoted. */
const pairsOf = (key: string, value: unknown): ReadonlyArray<string> => {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([inner, value]: [string, unknown]) => pairsOf(`${key}.${inner}`, value))
  }
  const text = typeof value === "string" ? value : Inspectable.toStringUnknown(value, 0)
  return [`${key}=${/[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text}`]
}

const pretty = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
  const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
  const said = oneLine(`${textOf(message)}${cause.reasons.length > 0 ? `: ${causeLine(cause)}` : ""}`)
  const pairs = annotations.flatMap(([key, value]) => pairsOf(key, value)).join(" ")
  const level = paint(paints[logLevel] ?? "reset", logLevel.toUpperCase().padEnd(5))
  const time = paint("gray", date.toISOString().slice(11, 23))
  const line = pairs === "" ? said : `${said.padEnd(messageWidth)}  ${paint("gray", pairs)}`
  process.stderr.write(`${time} ${level} ${line}\n`)
})

/** The logger that the flags ask for: without a format, pretty on a terminal and JSON elsewhere. */
export const loggingLayer = ({ format, level }: LogSettings): Layer.Layer<never> => {
  const chosen = Option.getOrElse(format, () => (process.stderr.isTTY === true ? "pretty" : "json"))
  return Layer.mergeAll(
    Logger.layer([chosen === "json" ? json : pretty]),
    Layer.succeed(References.MinimumLogLevel, levels[level - 1] ?? "Info")
  )
}
