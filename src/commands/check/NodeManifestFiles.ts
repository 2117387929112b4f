/**
 * The files of a check, from the disk or from the standard input, as they were named on the command line.
 */
import { readFile } from "node:fs/promises"
import { text } from "node:stream/consumers"
import { Effect, Runtime, Schema } from "effect"

/** A file cannot be read at all: the command line is wrong. */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", {
  file: Schema.String,
  detail: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 64
  override get message(): string {
    return `cannot read ${this.file}: ${this.detail}`
  }
}

/** The text of a file; "-" is the standard input. */
export const readManifestFile = (file: string): Effect.Effect<string, UnreadableFile> =>
  Effect.tryPromise({
    try: (signal) => (file === "-" ? text(process.stdin) : readFile(file, { encoding: "utf8", signal })),
    catch: (cause) => new UnreadableFile({ file, detail: cause instanceof Error ? cause.message : String(cause) })
  })
