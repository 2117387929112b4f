/**
 * The rules of the house, read off the source tree: which way imports run, what may touch the world, how files are
 * called and how long they may be. (How long a function may be is the linter's to say.)
 */
import { readdirSync, readFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../src")

interface Source {
  readonly path: string
  readonly room: string
  readonly name: string
  readonly text: string
  /** The code without comments and string contents. */
  readonly code: string
  readonly imports: ReadonlyArray<string>
}

const stripped = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')

const sources: ReadonlyArray<Source> = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.includes("generated"))
  .map((path) => {
    const text = readFileSync(join(root, path), "utf8")
    const parts = path.split("/")
    const imports = [...text.matchAll(/(?:from|import)\s+"([^"]+)"/g)].map((match) => match[1] ?? "")
    return {
      path,
      room: parts.length > 1 ? (parts[0] ?? "") : "",
      name: (parts.at(-1) ?? "").replace(/\.ts$/, ""),
      text,
      code: stripped(text),
      imports
    }
  })

const isLive = (source: Source): boolean => /^(Grpc|Kube|Node)[A-Z]/.test(source.name) || source.path === "main.ts"

/** The room that a relative import leads to; empty for the files at the top of the house. */
const roomOf = (source: Source, specifier: string): string => {
  const target = relative(root, resolve(root, source.path, "..", specifier))
  return target.includes("/") ? (target.split("/")[0] ?? "") : ""
}

/** The rooms from the cellar up: a room looks into the rooms below it, and into itself. */
const below = ["pki", "spec", "kube"]
/** Rule 1: what a room may look into, besides itself and the top of the house. */
const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  "": ["spec"],
  pki: [],
  spec: ["pki"],
  kube: ["pki", "spec"],
  volume: below,
  issuance: below,
  embedded: [...below, "issuance"],
  driver: [...below, "issuance", "volume"],
  socket: [],
  csi: [...below, "socket", "driver", "issuance", "volume"],
  admin: [...below, "socket", "driver"],
  observability: ["socket", "csi", "driver"],
  testing: [...below, "driver", "issuance", "volume", "csi", "embedded"],
  commands: [...below, "socket", "csi", "driver", "issuance", "volume", "embedded", "admin", "observability", "testing"]
}
/** The files at the top that know every room: the front doors. */
const doors = ["main.ts", "index.ts"]

describe("the house", () => {
  it("has sources", () => {
    expect(sources.length).toBeGreaterThan(20)
  })

  it.each(sources.map((source) => [source.path, source] as const))("%s imports forward only", (_, source) => {
    if (doors.includes(source.path)) return
    const allowed = [...(mayImport[source.room] ?? []), source.room]
    const rooms = source.imports.filter((_) => _.startsWith(".") && _.endsWith(".ts")).map((_) => roomOf(source, _))
    expect(rooms.filter((room) => room !== "" && !allowed.includes(room))).toEqual([])
  })

  it.each(sources.filter((_) => _.room === "testing").map((source) => [source.path, source] as const))(
    "%s stays simulated: no live file, no test runner",
    (_, source) => {
      expect(source.imports.filter((_) => /\/(Grpc|Kube|Node)[A-Z]|vitest|node:test/.test(_))).toEqual([])
    }
  )

  it.each(sources.filter((_) => !isLive(_)).map((source) => [source.path, source] as const))(
    "%s does not touch the world",
    (_, source) => {
      // A simulation computes and never waits: of Node it may have the synchronous half of the cryptography.
      const allowed = source.room === "testing" ? ["node:crypto"] : []
      const worldly = source.imports.filter((_) => /^(node:|@grpc\/|@kubernetes\/|@effect\/platform)/.test(_))
      expect(worldly.filter((_) => !allowed.includes(_))).toEqual([])
      const forbidden =
        /\bnew Date\b|\bDate\.|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\basync\b|\btry\s*\{|\bconsole\.|\bprocess\./g
      expect(source.code.match(forbidden) ?? []).toEqual([])
    }
  )

  it.each(sources.map((source) => [source.path, source] as const))("%s is well named", (_, source) => {
    expect(source.name).not.toMatch(/Live|Impl|Mock|Base|Manager|Helper|[Uu]tils/)
  })

  it.each(sources.map((source) => [source.path, source] as const))(
    "%s is a sitting's reading and says what it is",
    (_, source) => {
      expect(source.text.split("\n").length).toBeLessThanOrEqual(301)
      expect(source.text).toMatch(/^(#!.*\n)?\/\*\*\n \* [A-Z`]/)
    }
  )

  it("exports nothing but its front doors", () => {
    const manifest: unknown = JSON.parse(readFileSync(resolve(root, "../package.json"), "utf8"))
    const doors = typeof manifest === "object" && manifest !== null && "exports" in manifest ? manifest.exports : {}
    const allowed = [".", "./testing", "./package.json"]
    expect(Object.keys(doors ?? {}).filter((door) => !allowed.includes(door))).toEqual([])
  })
})
