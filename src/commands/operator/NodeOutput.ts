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

/** Writes a value to standard output as JSON. */
export const printJson = <A, I>(schema: Schema.Codec<A, I>, value: A): Effect.Effect<void> =>
  Effect.flatMap(Effect.orDie(Schema.encodeEffect(schema)(value)), (encoded) =>
    print(`${JSON.stringify(encoded, null, 2)}\n`)
  )

/** How wide a line on standard output may be: infinite where no terminal shows it. */
export const outputWidth: Effect.Effect<number> = Effect.sync(() =>
  process.stdout.isTTY === true ? Math.max(process.stdout.columns ?? 80, 40) : Number.POSITIVE_INFINITY
)
