import { describe, expect, it } from "@effect/vitest"
import { Option, Result } from "effect"
import * as fc from "fast-check"
import * as Rules from "../src/AttributeRules.ts"

describe("lists", () => {
  it.each([
    ["a,b", ["a", "b"]],
    [" a , b ", ["a", "b"]],
    ['"a, b",c', ["a, b", "c"]],
    ['"say ""hi"""', ['say "hi"']],
    ["", []],
    [",a,,b,", ["a", "b"]]
  ])("%s as CSV", (text, elements) => {
    expect(Rules.csvList(text)).toEqual(Result.succeed(elements))
  })

  it("read back as CSV what CSV writes", () => {
    const element = fc.string({ minLength: 1 }).filter((text) => text.trim() === text && text !== "")
    fc.assert(
      fc.property(fc.array(element), (elements) => {
        const written = elements.map((text) => `"${text.replaceAll('"', '""')}"`).join(",")
        expect(Rules.csvList(written)).toEqual(Result.succeed(elements))
      })
    )
  })
})

describe("addresses", () => {
  it("of version 4 are taken exactly as they are written without zeros in front", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(Rules.ipAddresses(address)).toEqual(Result.succeed([address]))
      })
    )
  })

  it("of version 6 keep their meaning", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const [read = ""] = Option.getOrThrow(Result.getSuccess(Rules.ipAddresses(address)))
        expect(new URL(`http://[${read}]/`).hostname).toBe(new URL(`http://[${address}]/`).hostname)
      })
    )
  })
})

describe("file names", () => {
  it("that are taken lead to no other folder", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom("..", ".", "../x", "a/b", "..data", "tls.crt")), (text) => {
        if (Result.isFailure(Rules.fileName(text))) return
        expect(text).not.toMatch(/\/|^\.\.|^\.$|^\s|\s$|\0|\n/)
        expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(255)
      })
    )
  })
})
