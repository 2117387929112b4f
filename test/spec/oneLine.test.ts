import { describe, expect, it } from "@effect/vitest"
import { oneLine } from "../../src/spec/oneLine.ts"

describe("a text as one line", () => {
  it.each([
    ["a\nb", "a b"],
    ["a \r\n\t b\n", "a b"],
    ["a\u0000b\u001b[0m", "a b [0m"],
    [" \n ", ""],
    ["a b", "a b"]
  ])("of %j is %j", (text, line) => {
    expect(oneLine(text)).toBe(line)
  })
})
