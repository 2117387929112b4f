/** What the process writes to standard error, in both formats and at each verbosity. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Option } from "effect"
import { afterEach, vi } from "vitest"
import { loggingLayer } from "../../src/observability/NodeLogging.ts"

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const color = new RegExp(String.raw`${String.fromCharCode(27)}\[\d+m`, "g")

/** The lines that a program logs. */
const linesOf = (program: Effect.Effect<void>, level: number, format: "json" | "pretty") => {
  const lines: Array<string> = []
  vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0)
  Effect.runSync(Effect.provide(program, loggingLayer({ level, format: Option.some(format) })))
  vi.restoreAllMocks()
  return lines
}

const each = Effect.all(
  [Effect.logWarning("trouble"), Effect.logInfo("change"), Effect.logDebug("call"), Effect.logTrace("decision")],
  { discard: true }
)

describe("the log", () => {
  it.each([
    [1, ["trouble", "change"]],
    [2, ["trouble", "change"]],
    [3, ["trouble", "change", "call"]],
    [4, ["trouble", "change", "call"]],
    [5, ["trouble", "change", "call", "decision"]]
  ])("holds at -v %i: %j", (level, told) => {
    const lines = linesOf(each, level, "json").map((line): { readonly message: string } => JSON.parse(line))
    expect(lines.map(({ message }) => message)).toEqual(told)
  })

  it("has no empty annotations", () => {
    const [bare = "", full = ""] = linesOf(
      Effect.andThen(Effect.logInfo("a"), Effect.annotateLogs(Effect.logInfo("b"), { pod: "apps/web" })),
      1,
      "json"
    )
    expect(Object.keys(JSON.parse(bare))).toEqual(["timestamp", "level", "message"])
    expect(JSON.parse(full)).toMatchObject({ annotations: { pod: "apps/web" } })
  })
})

describe("the log for people", () => {
  const program = Effect.all(
    [
      Effect.annotateLogs(Effect.logInfo("certificate in place"), {
        pod: "apps/web",
        note: "two words",
        millis: { key: 1.5, submit: 3 }
      }),
      Effect.annotateLogs(Effect.logWarning("not renewed", Cause.fail(new Error("no\nanswer"))), { pod: "apps/db" }),
      Effect.logInfo("serving")
    ],
    { discard: true }
  )

  it("is aligned, without JSON, a line for each message, and plain where no terminal shows it", () => {
    const lines = linesOf(program, 1, "pretty")
    expect(lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} /, ""))).toEqual([
      `INFO  ${"certificate in place".padEnd(48)}  pod=apps/web note="two words" millis.key=1.5 millis.submit=3\n`,
      `WARN  ${"not renewed: no answer".padEnd(48)}  pod=apps/db\n`,
      "INFO  serving\n"
    ])
  })

  it("has colours where they are wanted, and the same text", () => {
    const plain = linesOf(program, 1, "pretty").map((line) => line.slice(12))
    vi.stubEnv("FORCE_COLOR", "1")
    vi.stubEnv("NO_COLOR", undefined)
    const painted = linesOf(program, 1, "pretty")
    expect(painted.filter((line) => line.replace(color, "") === line)).toEqual([])
    expect(painted.map((line) => line.replace(color, "").slice(12))).toEqual(plain)
    vi.stubEnv("NO_COLOR", "1")
    expect(linesOf(program, 1, "pretty").map((line) => line.slice(12))).toEqual(plain)
  })
})
