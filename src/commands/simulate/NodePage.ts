/**
 * Where a page goes. A file that cannot be written is a failure before the first second is simulated, not after the
 * last: so it is written empty first.
 */
import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect, Schema } from "effect"

/** A page cannot be written; `flag` named its file. */
class PageError extends Schema.TaggedError<PageError>()("PageError", {
  flag: Schema.Literals(["report", "html"]),
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `--${this.flag} ${this.path}: cannot be written (${this.detail}); name a file in a folder that exists`
  }
}

/** A page that is to be written; `address` is what a browser opens. */
interface PageFile {
  readonly address: string
  readonly write: (text: string) => Effect.Effect<void, PageError>
}

/** Begins the page that a flag has named. Fails where it cannot be written. */
export const beginPage = Effect.fnUntraced(function* (flag: PageError["flag"], name: string) {
  const path = resolve(name)
  const write = (text: string) =>
    Effect.try({
      try: () => writeFileSync(path, text),
      catch: (cause) => new PageError({ flag, path, detail: cause instanceof Error ? cause.message : String(cause) })
    })
  yield* write("")
  return { address: pathToFileURL(path).href, write } satisfies PageFile
})
