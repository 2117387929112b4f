import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { attributeTypes, formatDistinguishedName, parseDistinguishedName } from "../src/DistinguishedName.ts"

const { C, CN, DC, O, OU } = attributeTypes
const one = (type: string, value: string) => [{ type, value }]

describe("a distinguished name", () => {
  it.each([
    ["CN=a,O=b", [one(O, "b"), one(CN, "a")]],
    ["cn=a;o=b", [one(O, "b"), one(CN, "a")]],
    ["CN=a+OU=b,C=DE", [one(C, "DE"), [...one(CN, "a"), ...one(OU, "b")]]],
    ["CN=a\\, b", [one(CN, "a, b")]],
    ["CN=\\C3\\BC", [one(CN, "ü")]],
    ["CN= a ", [one(CN, "a")]],
    ["CN=a\\ ", [one(CN, "a ")]],
    ["CN=a=b", [one(CN, "a=b")]],
    ["1.2.3.4=#0c0141", [one("1.2.3.4", "A")]],
    ["DC=example,DC=com", [one(DC, "com"), one(DC, "example")]]
  ])("%s", (text, name) => {
    expect(parseDistinguishedName(text)).toEqual(Result.succeed(name))
  })

  it.each(["", "CN", "CN=", "=a", "X=a", "CN=a,", 'CN="a"', "CN=a\\", "CN=a\\q", "CN=#zz", "CN=\\FF", "1.40.1=x"])(
    "%j is refused",
    (text) => {
      expect(Result.isFailure(parseDistinguishedName(text))).toBe(true)
    }
  )

  it("is read as it is written", () => {
    const value = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
      .filter((text) => !text.includes("\uFFFD"))
    const attribute = fc.record({ type: fc.constantFrom(...Object.values(attributeTypes), "1.2.3.4"), value })
    const name = fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(name, (name) => {
        expect(parseDistinguishedName(formatDistinguishedName(name))).toEqual(Result.succeed(name))
      }),
      { numRuns: 500 }
    )
  })
})
