/**
 * A JSON patch (RFC 6902): a list of steps, each at a place in the document (RFC 6901). A step that cannot be done, or
 * a `test` that does not hold, refuses the whole. Pure; what was not touched is shared with the document before.
 */
import { Equal, Predicate, Result, Schema } from "effect"
import { valueAt } from "./valueAt.ts"

const Steps = Schema.Array(
  Schema.Struct({
    op: Schema.Literals(["add", "remove", "replace", "test", "copy", "move"]),
    path: Schema.String,
    from: Schema.optionalKey(Schema.String),
    value: Schema.optionalKey(Schema.Unknown)
  })
)

const decode = Schema.decodeUnknownResult(Steps)

const keysOf = (path: string): ReadonlyArray<string> =>
  path
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))

/** What a step leaves where it is done: the new value, or nothing. */
type Leaf = { readonly value: unknown } | "nothing"

/** The document with something else at a place; undefined where there is no such place. */
const changed = (of: unknown, keys: ReadonlyArray<string>, leaf: Leaf, inserts: boolean): unknown => {
  const [key, ...rest] = keys
  if (key === undefined) return leaf === "nothing" ? undefined : leaf.value
  const next = rest.length > 0 ? changed(valueAt(of, key), rest, leaf, inserts) : undefined
  if (rest.length > 0 && next === undefined) return undefined
  const put = rest.length > 0 ? { value: next } : leaf
  if (Array.isArray(of)) {
    const at = key === "-" ? of.length : Number(key)
    if (!Number.isInteger(at) || at < 0 || at > of.length) return undefined
    return of.toSpliced(at, inserts && rest.length === 0 ? 0 : 1, ...(put === "nothing" ? [] : [put.value]))
  }
  if (!Predicate.isObject(of)) return undefined
  const entries = Object.entries(of).filter(([name]) => name !== key)
  return Object.fromEntries(put === "nothing" ? entries : [...entries, [key, put.value]])
}

/** The document with the patch applied, or why it cannot be. */
export const jsonPatch = (document: unknown, patch: unknown): Result.Result<unknown, string> => {
  const steps = decode(patch)
  if (Result.isFailure(steps)) return Result.fail("the patch is no list of operations")
  let current = document
  for (const { from = "", op, path, value } of steps.success) {
    const present = valueAt(current, ...keysOf(path))
    if ((op === "remove" || op === "replace") && present === undefined) return Result.fail(`${op}: nothing at ${path}`)
    if (op === "test") {
      if (!Equal.equals(present, value)) return Result.fail(`test: ${path} is something else`)
      continue
    }
    const put = op === "copy" || op === "move" ? valueAt(current, ...keysOf(from)) : value
    const without = op === "move" ? changed(current, keysOf(from), "nothing", false) : current
    const next = changed(
      without,
      keysOf(path),
      op === "remove" ? "nothing" : { value: put },
      op !== "replace" && op !== "remove"
    )
    if (next === undefined) return Result.fail(`${op}: no such place as ${path}`)
    current = next
  }
  return Result.succeed(current)
}
