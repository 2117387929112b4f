/**
 * Kubernetes objects as people write them: a stream of YAML documents, or JSON, with the place of everything in it.
 * The objects are read as kubectl reads them (YAML 1.1, where `yes` is a boolean), and text from outside is measured
 * first. The library is loaded when a file is read, because a node's process never reads one.
 */
import { Effect, Option, Result, Schema } from "effect"
import type { LineCounter } from "./yaml.ts"

type Yaml = typeof import("./yaml.ts")
type Document = ReturnType<Yaml["parseAllDocuments"]>[number]

/** Where something stands in a file; lines and columns count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** A way from a document's top to one of its values: keys of maps, and indices of lists. */
export type Path = ReadonlyArray<string | number>

/** One document of a file. */
export interface Manifest {
  /** The file's name as it was given; "-" is the standard input. */
  readonly file: string
  /** The document as JSON would hold it. */
  readonly value: unknown
  /** Where a value's key stands, or the nearest thing around it that is there. */
  readonly placeOf: (path: Path) => Option.Option<Place>
}

/** A document that is not YAML, or a file that is more than can be read; the others are read all the same. */
export const Unreadable = Schema.Struct({
  file: Schema.String,
  line: Schema.Number,
  column: Schema.Number,
  detail: Schema.String
})
export type Unreadable = typeof Unreadable.Type

type Read = Result.Result<Manifest, Unreadable>

/** The most that is read of one file, in UTF-16 code units: some 20,000 pods as `kubectl get -o json` prints them. */
const longestText = 256 * 2 ** 20
/** Beyond this a text that is JSON is read without places, which would take a hundred times its length of memory. */
const longestPlaced = 4 * 2 ** 20

/** The values for which YAML 1.1 has tags that JSON has not: kubectl takes both for text. */
const foreignTags = new Set(["tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"])

/** The node that a path leads to, as far as it leads, by its first character. */
const offsetOf = (document: Document, path: Path, yaml: Yaml): number | undefined => {
  let node: unknown = document.contents
  let offset = yaml.isNode(node) ? node.range?.[0] : undefined
  for (const step of path) {
    if (yaml.isAlias(node)) node = node.resolve(document)
    if (yaml.isMap(node)) {
      const pair = node.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      offset = yaml.isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset
      node = pair.value
    } else if (yaml.isSeq(node) && typeof step === "number") {
      const item: unknown = node.items[step]
      if (!yaml.isNode(item)) return offset
      offset = item.range?.[0] ?? offset
      node = item
    } else return offset
  }
  return offset
}

const placeIn = (lines: LineCounter, offset: number): Place => {
  const { col, line } = lines.linePos(offset)
  return { line, column: col }
}

/** The parser's sentence, without the place, which is told in front of it. */
const sentenceOf = (message: string): string => (message.split("\n")[0] ?? "").replace(/ at line .*$/, "")

/** Where a map has a key that it has already; kubectl refuses that. */
const repeatedKey = (document: Document, yaml: Yaml): number | undefined => {
  let at: number | undefined
  yaml.visit(document, {
    Map: (_, { items }) => {
      const known = new Set<unknown>()
      for (const { key } of items) {
        if (!yaml.isScalar(key) || key.value === "<<") continue
        if (known.has(key.value)) at ??= key.range?.[0] ?? 0
        known.add(key.value)
      }
      return at === undefined ? undefined : yaml.visit.BREAK
    }
  })
  return at
}

const readDocument = (file: string, document: Document, at: (offset: number) => Place, yaml: Yaml): Read => {
  const broken = (offset: number, detail: string) => Result.fail({ file, ...at(offset), detail })
  const [error] = document.errors
  if (error !== undefined) return broken(error.pos[0], `is not YAML: ${sentenceOf(error.message)}`)
  const repeated = repeatedKey(document, yaml)
  if (repeated !== undefined) return broken(repeated, "is not YAML: Map keys must be unique")
  return Result.try({
    try: (): Manifest => ({
      file,
      // An alias that is called again and again could make a huge value of a small text.
      value: document.toJS({ maxAliasCount: 1000 }),
      placeOf: (path) => Option.map(Option.fromUndefinedOr(offsetOf(document, path, yaml)), at)
    }),
    catch: (cause) => ({ file, ...at(0), detail: `cannot be read: ${cause instanceof Error ? cause.message : cause}` })
  })
}

const withPlaces = (file: string, text: string, yaml: Yaml): ReadonlyArray<Read> => {
  const lines = new yaml.LineCounter()
  const documents = yaml.parseAllDocuments(text, {
    lineCounter: lines,
    version: "1.1",
    // The parser compares each key with every other one; `repeatedKey` takes a set.
    uniqueKeys: false,
    customTags: (tags) => tags.filter((tag) => typeof tag === "string" || !foreignTags.has(tag.tag)),
    logLevel: "silent",
    // Places are told by us; a text that is broken at every line would be quoted for each of them.
    prettyErrors: false
  })
  return documents.map((document) => readDocument(file, document, (offset) => placeIn(lines, offset), yaml))
}

const withoutPlaces = (file: string, text: string): Read =>
  Result.try({
    try: (): Manifest => ({ file, value: JSON.parse(text), placeOf: () => Option.none() }),
    catch: (cause) => ({ file, line: 1, column: 1, detail: `is not JSON: ${String(cause)}` })
  })

/** The documents of a file's text, each by itself. */
export const readManifests = Effect.fnUntraced(function* (file: string, text: string) {
  if (text.length > longestText) {
    const detail = `has ${text.length} characters, and ${longestText} are the most: check it in parts`
    return [Result.fail({ file, line: 1, column: 1, detail })]
  }
  if (text.length > longestPlaced && /^\s*[{[]/.test(text)) return [withoutPlaces(file, text)]
  const yaml = yield* Effect.promise(() => import("./yaml.ts"))
  return withPlaces(file, text, yaml)
})
