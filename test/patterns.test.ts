/**
 * A regular expression must not be able to hang the process: most texts that certlet reads are written by somebody
 * else, and a pattern that can read one text in two ways may try them all. Every pattern of `src` is found by a parser
 * and looked at by scslre, which knows the shapes that take more than linear time. Patterns that are put together at
 * run time are few and bounded, and are listed here.
 */
import { parseSync, Visitor } from "oxc-parser"
import { analyse } from "scslre"
import { describe, expect, it } from "vitest"
import { sources } from "./kit/sources.ts"

interface Pattern {
  readonly source: string
  readonly flags: string
}

const patternsIn = (path: string, text: string): ReadonlyArray<Pattern> => {
  const found: Array<Pattern> = []
  new Visitor({
    Literal: (node) => {
      if ("regex" in node) found.push({ source: node.regex.pattern, flags: node.regex.flags })
    }
  }).visit(parseSync(path, text).program)
  return found
}

const slowShapes = (path: string, text: string): ReadonlyArray<string> =>
  patternsIn(path, text).flatMap((pattern) =>
    analyse(pattern).reports.map(({ type }) => `${path}: /${pattern.source}/${pattern.flags} (${type})`)
  )

describe("the regular expressions of the house", () => {
  it("take linear time, whatever the text is", () => {
    expect(sources.flatMap(({ path, text }) => slowShapes(path, text))).toEqual([])
  })

  it("are put together at run time nowhere but where their parts are bounded", () => {
    const built = sources.filter(({ code }) => /\bRegExp\(/.test(code)).map(({ path }) => path)
    expect(built).toEqual([])
  })

  it.each([
    [String.raw`/\s*\n\s*/g`, "Move"],
    ["/^(a+)+$/", "Self"],
    [String.raw`/^\d+\.?\d*$/`, "Trade"]
  ])("would be told of %s", (pattern, type) => {
    expect(slowShapes("a.ts", `const a = ${pattern}`)).toEqual([`a.ts: ${pattern} (${type})`])
  })
})
