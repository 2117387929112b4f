/**
 * The rules of the house, read off the source tree: which way imports run, what may touch the world, how files are
 * called, how long they and their lines may be. How long a function may be is the linter's to say. Each rule lists what
 * breaks it; an exception is written down here with its reason.
 */
import { describe, expect, it } from "vitest"
import { circlesIn, filesBelow, importGraph, type Source, sources, targetOf, textOf } from "./kit/sources.ts"

/** What each room may look into, besides itself and the top of the house. */
const cellar = ["pki", "spec", "kube"]
const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  "": ["spec"],
  pki: [],
  spec: ["pki"],
  kube: ["pki", "spec"],
  volume: cellar,
  issuance: cellar,
  embedded: [...cellar, "issuance"],
  driver: [...cellar, "issuance", "volume"],
  socket: ["spec"],
  csi: [...cellar, "socket", "driver", "issuance", "volume"],
  admin: [...cellar, "socket", "driver"],
  observability: ["spec", "socket", "csi", "driver"],
  testing: [...cellar, "driver", "issuance", "volume", "csi", "embedded"],
  commands: [
    ...cellar,
    "socket",
    "csi",
    "driver",
    "issuance",
    "volume",
    "embedded",
    "admin",
    "observability",
    "testing"
  ]
}
/** The front doors: they know every room. */
const doors = ["main.ts", "index.ts"]
const top = [...doors, "Defect.ts", "NodeVersion.ts", "Settings.ts", "Health.ts", "Temper.ts", "Version.ts"]

/** Files whose name stands in none of their exports, and why. */
const otherwiseNamed: Readonly<Record<string, string>> = {
  "admin/AdminApi.ts": "one schema for each question and each answer",
  "commands/Flags.ts": "a function for each kind of flag",
  "commands/check/yaml.ts": "the parts of a library",
  "commands/report.ts": "the ways of a report",
  "commands/demo/NodeExhibits.ts": "what the demo shows, a function for each exhibit",
  "spec/AttributeRules.ts": "a rule for each kind of attribute",
  "driver/Backoff.ts": "the numbers of a backoff, and what it makes of them",
  "driver/Metrics.ts": "an export for each metric",
  "kube/ApiMetrics.ts": "an export for each metric",
  "pki/forge.d.ts": "the types of a library",
  "testing/judges/wishes.ts": "a function for each thing that a pod can wish",
  "volume/PlaceRules.ts": "a function for each rule"
}

const prefix = /^(Grpc|Kube|Node)(?=[A-Z])/
const worldly = /^(node:|ws$|@grpc\/|@kubernetes\/|@effect\/platform)/

const touchesTheWorld = (source: Source): boolean =>
  source.imports.some((one) => worldly.test(one)) || /\bprocess\./.test(source.code)

/**
 * A simulation computes and never waits, so it may have the synchronous half of the cryptography, and so may the judge
 * who opens keystores as OpenSSL does.
 */
const mayHave = ({ path, room }: Source, specifier: string): boolean =>
  (specifier === "node:crypto" && (room === "testing" || room === "pki")) ||
  (specifier === "node:tls" && path === "testing/judges/judgesOfKeystores.ts")

const roomOf = (path: string): string => (path.includes("/") ? (path.split("/")[0] ?? "") : "")

/** What the sources do against a rule, each with its path. */
const offences = (among: ReadonlyArray<Source>, against: (source: Source) => ReadonlyArray<string>) =>
  among.flatMap((source) => against(source).map((offence) => `${source.path}: ${offence}`))

const isDoor = (source: Source): boolean => doors.includes(source.path)
const isLive = (source: Source): boolean => prefix.test(source.name) || source.path === "main.ts"

describe("imports", () => {
  it("run forward only", () => {
    const backward = offences(
      sources.filter((source) => !isDoor(source)),
      (source) => {
        const allowed = ["", ...(mayImport[source.room] ?? []), source.room]
        return source.imports.filter((one) => one.startsWith(".") && !allowed.includes(roomOf(targetOf(source, one))))
      }
    )
    expect(backward).toEqual([])
  })

  it("never lead back to where they started, types counted", () => {
    const small = new Map([
      ["a", ["b", "d"]],
      ["b", ["c"]],
      ["c", ["a"]],
      ["d", ["d"]],
      ["e", ["a"]]
    ])
    expect(circlesIn(small)).toEqual(["a b c", "d"])
    expect(circlesIn(importGraph)).toEqual([])
  })

  it("of testing/ reach no live file and no test runner", () => {
    // The one exception: a door has to look at the Node that it is opened on, before anything else of it runs.
    const live = /\/(?!NodeVersion\.ts)(Grpc|Kube|Node)[A-Z]|vitest|node:test/
    const simulated = sources.filter((source) => source.room === "testing")
    expect(simulated.length).toBeGreaterThan(20)
    expect(offences(simulated, (source) => source.imports.filter((one) => live.test(one)))).toEqual([])
  })

  it("of testing/ are for the front doors and the commands alone", () => {
    const others = sources.filter(({ room }) => room !== "testing" && room !== "commands" && room !== "")
    const toTesting = (source: Source) => source.imports.filter((one) => targetOf(source, one).startsWith("testing/"))
    expect(offences(others, toTesting)).toEqual([])
  })
})

describe("the world", () => {
  const indoors = sources.filter((source) => !isLive(source))

  it("is imported by live files only", () => {
    const imported = (source: Source) => source.imports.filter((one) => worldly.test(one) && !mayHave(source, one))
    expect(offences(indoors, imported)).toEqual([])
  })

  it("has no clock, dice, timers, promises, exceptions, console or process elsewhere", () => {
    const words = [
      "new Date",
      "Date\\.",
      "Math\\.random",
      "set(?:Timeout|Interval|Immediate)",
      "async\\b",
      "try\\s*\\{"
    ]
    const forbidden = new RegExp(`\\b(?:${[...words, "console\\.", "process\\."].join("|")})`, "g")
    expect(offences(indoors, (source) => source.code.match(forbidden) ?? [])).toEqual([])
  })

  it("is what a file with a live prefix touches", () => {
    const named = sources.filter((source) => prefix.test(source.name) && !touchesTheWorld(source))
    expect(named.map(({ path }) => path)).toEqual([])
  })
})

describe("names", () => {
  it("are those of the drawing at the top of src", () => {
    const strangers = sources.filter(({ path, room }) => room === "" && !top.includes(path))
    expect(strangers.map(({ path }) => path)).toEqual([])
    expect([...new Set(sources.map(({ room }) => room))].filter((room) => !(room in mayImport))).toEqual([])
  })

  it("say what a thing is, not that it is one", () => {
    const empty = /Live|Impl|Mock|Base|Manager|Helper|[Uu]tils/
    expect(sources.filter((source) => empty.test(source.name)).map(({ path }) => path)).toEqual([])
  })

  const values = /^export (?:abstract |async )*(?:const|function\*?|class) (\w+)/gm

  /** A layer is named by its file, and so are the laws of a contract: their importers write `NodeVolumeFS.layer`. */
  const isNamedByItsFile = (source: Source): boolean =>
    source.exports.includes("layer") || source.exports.includes("laws")

  /** The words of a name, without the prefix that says where it runs; of a long one the stem. */
  const wordsOf = (name: string): ReadonlyArray<string> =>
    name
      .replace(/^(Node|Grpc|Kube|Api|Sim)(?=[A-Z])/, "")
      .split(/(?=[A-Z])/)
      .map((word) => word.toLowerCase().replace(/s$/, "").slice(0, 6))
      .filter((word) => word.length > 2)

  const isMisnamed = (source: Source): boolean => {
    if (source.room === "" || source.name === "index" || isNamedByItsFile(source)) return false
    const [only, ...more] = [...source.text.matchAll(values)].map(([, name]) => name)
    if (/^[a-z]/.test(source.name) && only !== undefined && more.length === 0) return only !== source.name
    return !source.exports.some((name) => wordsOf(source.name).some((word) => name.toLowerCase().includes(word)))
  }

  it("of files are those of their exports", () => {
    const misnamed = sources.filter(isMisnamed).map(({ path }) => path)
    expect([...misnamed].sort()).toEqual(Object.keys(otherwiseNamed).sort())
  })

  it("of the package's doors are four", () => {
    const manifest: unknown = JSON.parse(textOf("package.json"))
    const given = typeof manifest === "object" && manifest !== null && "exports" in manifest ? manifest.exports : {}
    const allowed = [".", "./testing", "./cluster", "./package.json"]
    expect(Object.keys(given ?? {}).filter((door) => !allowed.includes(door))).toEqual([])
    expect(Object.keys(given ?? {}).length).toBeGreaterThan(2)
  })
})

describe("a file", () => {
  it("is read in one sitting", () => {
    const long = sources.filter((source) => source.text.split("\n").length > 301)
    expect(long.map(({ path }) => path)).toEqual([])
  })

  it("says at its top what it is", () => {
    const silent = sources.filter((source) => !/^(#!.*\n)?\/\*\*\n \* [A-Z`]/.test(source.text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })

  it("has lines of 120 columns at most, but for a sentence that no line break may cut", () => {
    const sentence = /"[^"]*"|`[^`]*`|\/\^.*\$\/[a-z]*/
    const isWide = (line: string): boolean => [...line].length > 120 && line.trim().replace(sentence, "").length > 60
    const wide = (source: Source) =>
      source.text.split("\n").flatMap((line, at) => (isWide(line) ? [`line ${at + 1}`] : []))
    expect(offences(sources, wide)).toEqual([])
  })

  it("has comments of 120 columns at most", () => {
    const comment = /^\s*(\/\/|\/?\*)/
    const files = ["src", "test"].flatMap((folder) => filesBelow(folder).map((path) => `${folder}/${path}`))
    const wide = files.flatMap((path) =>
      textOf(path)
        .split("\n")
        .flatMap((line, at) => (comment.test(line) && [...line].length > 120 ? [`${path}:${at + 1}`] : []))
    )
    expect(wide).toEqual([])
  })
})
