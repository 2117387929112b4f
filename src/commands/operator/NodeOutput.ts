/**
 * How a command speaks to an operator: tables and values go to standard output, and what is said about them to
 * standard error, so that a pipe holds nothing but the table.
 */
import { Effect, Schema } from "effect"

const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  text === ""
    ? Effect.void
    : Effect.callback((resume) => {
        // Whoever reads (`head`, a pager) may have seen enough, and that is no failure.
        stream.once("error", () => resume(Effect.void))
        stream.write(text, () => resume(Effect.void))
      })

/** Writes to standard output. */
export const print = (text: string): Effect.Effect<void> => write(process.stdout, text)

/** Writes to standard error. */
export const remark = (text: string): Effect.Effect<void> => write(process.stderr, text)

/** True where a terminal shows standard output. */
export const isTerminal: Effect.Effect<boolean> = Effect.sync(() => process.stdout.isTTY === true)

/** Replaces the line that says how far a command has come; only a terminal shows one. Empty text takes it away. */
export const progress = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => (process.stderr.isTTY === true ? remark(`\r${text}${clearLine}`) : Effect.void))

const home = "\u001b[H"
const clearLine = "\u001b[K"
const clearBelow = "\u001b[J"

/** Replaces what the terminal shows, without a flicker; lines that it has no room for are counted. */
export const redraw = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const lines = text.trimEnd().split("\n")
    const rows = Math.max(2, (process.stdout.rows ?? 24) - 1)
    const fitting =
      lines.length <= rows
        ? lines
        : [...lines.slice(0, rows - 1), `(${lines.length - rows + 1} more lines; the terminal is too low)`]
    return print(`${home}${fitting.map((line) => `${line}${clearLine}\n`).join("")}${clearBelow}`)
  })

/** A value as JSON, for standard output. */
export const jsonText = <A, I>(schema: Schema.Codec<A, I>, value: A): Effect.Effect<string> =>
  Effect.map(Effect.orDie(Schema.encodeEffect(schema)(value)), (encoded) => `${JSON.stringify(encoded, null, 2)}\n`)

/** How wide a line on standard output may be: infinite where no terminal shows it. */
export const outputWidth: Effect.Effect<number> = Effect.sync(() =>
  process.stdout.isTTY === true ? Math.max(process.stdout.columns ?? 80, 40) : Number.POSITIVE_INFINITY
)
