/**
 * The source tree as the rules of the house read it: every module of `src` with its room, its imports and its exports,
 * read off the text. What a rule needs to know about a file is found here once; what is right and wrong about it is
 * said in `house.test.ts`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"

/** The repository. */
export const root = resolve(import.meta.dirname, "../..")

/** One module of `src`. */
export interface Source {
  /** Its path below `src`. */
  readonly path: string
  /** The folder at the top of `src` that it lies in; empty for a file at the top. */
  readonly room: string
  readonly name: string
  readonly text: string
  /** The code without comments and string contents. */
  readonly code: string
  readonly imports: ReadonlyArray<string>
  readonly exports: ReadonlyArray<string>
}

const stripped = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')

/** The files below a folder of the repository that are written by hand in TypeScript, by their paths in it. */
export const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/(^|\/)(generated|node_modules)\//.test(path))
    .sort()

/** A file of the repository, as text. */
export const textOf = (path: string): string => readFileSync(join(root, path), "utf8")

const declared = /^export (?:declare |abstract |async )*(?:const|function\*?|class|interface|type|namespace) (\w+)/gm

const exportsIn = (text: string): ReadonlyArray<string> => {
  const listed = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names = ""]) => names.split(","))
  const names = listed.map((one) => one.trim().split(/\s+/).at(-1) ?? "")
  return [...[...text.matchAll(declared)].map(([, name = ""]) => name), ...names].filter((name) => name !== "")
}

/** Every module of `src` that is written by hand. */
export const sources: ReadonlyArray<Source> = filesBelow("src").map((path) => {
  const text = textOf(join("src", path))
  const parts = path.split("/")
  return {
    path,
    room: parts.length > 1 ? (parts[0] ?? "") : "",
    name: (parts.at(-1) ?? "").replace(/(\.d)?\.ts$/, ""),
    text,
    code: stripped(text),
    imports: [...text.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(([, specifier = ""]) => specifier),
    exports: exportsIn(text)
  }
})

/** The path below `src` that a relative import leads to. */
export const targetOf = (source: Source, specifier: string): string =>
  relative("src", join("src", source.path, "..", specifier))

/** Which module imports which, by their paths. */
export type ImportGraph = ReadonlyMap<string, ReadonlyArray<string>>

/** What each module of `src` imports of `src`, types counted. */
export const importGraph: ImportGraph = new Map(
  sources.map((source) => [
    source.path,
    source.imports.filter((one) => one.startsWith(".")).map((one) => targetOf(source, one))
  ])
)

/** Everything that can be reached from a module by imports. */
const reachable = (graph: ImportGraph, from: string): ReadonlySet<string> => {
  const found = new Set<string>()
  const open = [...(graph.get(from) ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue
    found.add(next)
    open.push(...(graph.get(next) ?? []))
  }
  return found
}

/** The modules that import each other in a circle, one text for each circle. */
export const circlesIn = (graph: ImportGraph): ReadonlyArray<string> => {
  const reach = new Map([...graph.keys()].map((path) => [path, reachable(graph, path)]))
  const round = [...reach].filter(([path, seen]) => seen.has(path))
  const texts = round.map(([path, seen]) =>
    [...seen]
      .filter((other) => reach.get(other)?.has(path))
      .sort()
      .join(" ")
  )
  return [...new Set(texts)].sort()
}
