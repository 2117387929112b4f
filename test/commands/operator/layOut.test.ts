import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { layOut, wrap } from "../../../src/commands/operator/layOut.ts"

const columns = [{ heading: "POD" }, { heading: "VOLUME", goes: 1 }, { heading: "STATE" }, { heading: "LAST ERROR" }]

const word = fc.stringMatching(/^[a-z]{1,30}$/)
const row = fc.tuple(
  word,
  word,
  word,
  fc.array(word, { minLength: 1, maxLength: 20 }).map((words) => words.join(" "))
)

const letters = (text: string) => [...text.replaceAll(/\s/g, "")].sort().join("")

describe("a table on a terminal", () => {
  it("is never wider than the terminal, and loses no letter of what must be there", () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), fc.integer({ min: 40, max: 220 }), (rows, width) => {
        const lines = layOut(columns, rows, width)
        expect(lines.filter((line) => line.length > Math.max(width, 65))).toEqual([])
        const shows = (heading: string) => lines.join(" ").includes(heading)
        const expected = rows.flatMap(([pod, volume, state, words]) => [
          pod,
          shows("VOLUME") ? volume : "",
          state,
          words
        ])
        const headings = ["POD", shows("VOLUME") ? "VOLUME" : "", "STATE", shows("LAST ERROR") ? "LAST ERROR" : ""]
        expect(letters(lines.join(""))).toBe(letters([...headings, ...expected].join("")))
      }),
      { numRuns: 300 }
    )
  })

  it("breaks a text between words, and a word that is too long where it must", () => {
    expect(wrap("the quick brown fox", 10)).toEqual(["the quick", "brown fox"])
    expect(wrap("a abcdefghijklmnopqrst b", 10)).toEqual(["a", "abcdefghij", "klmnopqrst", "b"])
    expect(wrap("", 10)).toEqual([""])
  })
})
