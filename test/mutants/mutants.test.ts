/** Keeps the list of mutants true: each piece is found, each mutant can be read, each test that is named is there. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseSync } from "oxc-parser"
import { describe, expect, it } from "vitest"
import { root } from "../kit/sources.ts"
import { mutants } from "./list/mutants.ts"
import { mutated, sourceOf } from "./Mutant.ts"

describe("the list of mutants", () => {
  it("has no two of one name", () => {
    expect(mutants.length).toBeGreaterThan(60)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    "%s changes its source, and can be read",
    (_, mutant) => {
      const text = sourceOf(mutant, root)
      const changed = mutated(mutant, text)
      expect(changed).not.toBe(text)
      expect(parseSync(mutant.file, changed).errors).toEqual([])
      expect(mutant.near.filter((path) => !existsSync(join(root, "test", path)))).toEqual([])
    }
  )

  it("refuses a piece that is not there exactly once", () => {
    const mutant = { name: "odd", file: "x.ts", from: "a", to: "b", broken: "nothing", near: [] }
    expect(() => mutated(mutant, "a a")).toThrow("odd: its piece of src/x.ts is there 2 times")
    expect(() => mutated(mutant, "c")).toThrow("there 0 times")
    expect(mutated(mutant, "cac")).toBe("cbc")
  })
})
