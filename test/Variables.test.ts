import { describe, expect, it } from "@effect/vitest"
import { Option, Result } from "effect"
import * as fc from "fast-check"
import { expand } from "../src/Variables.ts"

const variables = { POD_NAME: "web", POD_UID: "7" }

describe("expand", () => {
  it.each([
    ["$POD_NAME", "web"],
    ["$" + "{POD_NAME}", "web"],
    ["a$POD_NAME-$POD_UID.b", "aweb-7.b"],
    ["a$", "a$"],
    ["$ x", "$ x"],
    ["$$POD_UID", "$7"],
    ["no variable", "no variable"]
  ])("%s is %s", (text, expanded) => {
    expect(expand(text, variables)).toEqual(Result.succeed(expanded))
  })

  it.each([
    ["$POD_NAMES", '"POD_NAMES"'],
    ["$" + "{}", '""'],
    ["$" + "{A}$" + "{B}", '"A", "B"']
  ])("%s is refused, with the known names", (text, unknown) => {
    const sentence = Option.getOrThrow(Result.getFailure(expand(text, variables)))
    expect(sentence).toContain(`knows no variable ${unknown};`)
    expect(sentence).toContain("use POD_NAME, POD_UID")
  })

  it("does not look into the values, and leaves text without a dollar alone", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, text) => {
        expect(expand("<$X>", { X: value })).toEqual(Result.succeed(`<${value}>`))
        const plain = text.replaceAll("$", "")
        expect(expand(plain, {})).toEqual(Result.succeed(plain))
      })
    )
  })
})
