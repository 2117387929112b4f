import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import {
  attributeTypes,
  type DistinguishedName,
  formatDistinguishedName,
  parseDistinguishedName
} from "../../src/spec/DistinguishedName.ts"

const { C, CN, DC, O, OU, UID } = attributeTypes
const rdn = (type: string, value: string) => [{ type, value }]

describe("parseDistinguishedName", () => {
  it("leaves out attributes without a value", () => {
    expect(
      ["CN=", "CN=  ,O=b", "CN=#0C00,O=b", "O=b+CN="].map((text) => Result.getOrThrow(parseDistinguishedName(text)))
    ).toEqual([[], ...Array.from({ length: 3 }, () => [[{ type: "2.5.4.10", value: "b" }]])])
  })

  it.each<[string, DistinguishedName]>([
    ["CN=a", [rdn(CN, "a")]],
    // The last RDN of the text is the first of the encoding.
    ["CN=web,OU=Ops,O=Shop,C=DE", [rdn(C, "DE"), rdn(O, "Shop"), rdn(OU, "Ops"), rdn(CN, "web")]],
    ["CN=a;O=b", [rdn(O, "b"), rdn(CN, "a")]],
    ["UID=jsmith,DC=example,DC=net", [rdn(DC, "net"), rdn(DC, "example"), rdn(UID, "jsmith")]],
    ["cn=a,Ou=b,SerialNumber=7", [rdn("2.5.4.5", "7"), rdn(OU, "b"), rdn(CN, "a")]],
    ["  CN  =  a b  ,  O = c ", [rdn(O, "c"), rdn(CN, "a b")]],
    [
      "CN=a+OU=b,O=c",
      [
        rdn(O, "c"),
        [
          { type: CN, value: "a" },
          { type: OU, value: "b" }
        ]
      ]
    ],
    ["2.5.4.3=a", [rdn(CN, "a")]],
    ["OID.1.2.840.113549.1.9.1=a@b.example", [rdn("1.2.840.113549.1.9.1", "a@b.example")]],
    ["CN=a=b", [rdn(CN, "a=b")]],
    ['CN=a\\,b\\+c\\;d\\\\e\\"f\\<g\\>h\\=i', [rdn(CN, 'a,b+c;d\\e"f<g>h=i')]],
    ["CN=\\#a", [rdn(CN, "#a")]],
    ["CN=a#b", [rdn(CN, "a#b")]],
    ["CN=\\ a\\ ", [rdn(CN, " a ")]],
    ["CN=a\\ \\  ", [rdn(CN, "a  ")]],
    ["CN=a\\\\ ", [rdn(CN, "a\\")]],
    ["CN=Lu\\C4\\8Di\\c4\\87", [rdn(CN, "Lučić")]],
    ["CN=Lučić 😀", [rdn(CN, "Lučić 😀")]],
    ["CN=a\\0Ab", [rdn(CN, "a\nb")]],
    ["CN=\\20\\2C", [rdn(CN, " ,")]],
    ["1.3.6.1.4.1.1466.0=#04024869", [rdn("1.3.6.1.4.1.1466.0", "Hi")]],
    ["CN=#0C02c3A9", [rdn(CN, "é")]],
    [`CN=#0C8180${"61".repeat(128)}`, [rdn(CN, "a".repeat(128))]],
    [`CN=#0C820100${"61".repeat(256)}`, [rdn(CN, "a".repeat(256))]],
    // Characters that decoders like to swallow or to mistake for their own sign of failure.
    ["CN=\uFEFFa", [rdn(CN, "\uFEFFa")]],
    ["CN=\uFFFD", [rdn(CN, "\uFFFD")]]
  ])("reads %s", (text, name) => {
    expect(parseDistinguishedName(text)).toEqual(Result.succeed(name))
  })

  const form = "is not of the form type=value"
  const type =
    "is no attribute type; use C, O, OU, CN, SERIALNUMBER, L, ST, STREET, POSTALCODE, DC, UID or a dotted OID"
  const hex = "is not the hexadecimal BER of a string"
  it.each([
    ["", `"" ${form}`],
    ["CN", `"CN" ${form}`],
    ["CN=a,", `"" ${form}`],
    [",CN=a", `"" ${form}`],
    ["CN=a,,O=b", `"" ${form}`],
    ["CN=a+", `"" ${form}`],
    ["CN=a, b", `"b" ${form}`],
    ["=a", `"" ${type}`],
    ["XX=a", `"XX" ${type}`],
    ["toString=a", `"toString" ${type}`],
    ["1=a", `"1" ${type}`],
    ["1.2.=a", `"1.2." ${type}`],
    ["1.02=a", `"1.02" ${type}`],
    ["4.5=a", `"4.5" ${type}`],
    ["CN=#", `"#" ${hex}`],
    ["CN=#0", `"#0" ${hex}`],
    ["CN=#0C", `"#0C" ${hex}`],
    ["CN=#0C0261", `"#0C0261" ${hex}`],
    ["CN=#0C016161", `"#0C016161" ${hex}`],
    ["CN=#0C8061", `"#0C8061" ${hex}`],
    ["CN=#0C81", `"#0C81" ${hex}`],
    ["CN=#name", `"#name" ${hex}`],
    ["CN=#0C01FF", "an escaped value is not UTF-8"],
    ["CN=\\FF", "an escaped value is not UTF-8"],
    ["CN=\\C3", "an escaped value is not UTF-8"],
    ["CN=a\\", "write \\\\ for a backslash"],
    ["CN=a\\x", "write \\\\ for a backslash"],
    ["CN=a\\C", "write \\\\ for a backslash"],
    ['CN="a,b"', 'write \\" for a quote'],
    ['CN=a"b', 'write \\" for a quote']
  ])("refuses %s", (text, sentence) => {
    expect(parseDistinguishedName(text)).toEqual(Result.fail(sentence))
  })

  it("for every text: a name without empty places, or a sentence", () => {
    const part = fc.constantFrom("CN", "O", "=", ",", ";", "+", "\\", "#", '"', " ", "0C", "61", "é", "\0", "2.5.4.3")
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const found = parseDistinguishedName(parts.join(""))
        if (Result.isFailure(found)) expect(found.failure).not.toBe("")
        else for (const rdn of found.success) expect(rdn.length).toBeGreaterThan(0)
        for (const { type, value } of Result.getOrElse(found, () => []).flat()) {
          expect(type).toMatch(/^[0-9.]+$/)
          expect(value).not.toBe("")
        }
      }),
      { numRuns: 1000 }
    )
  })
})

describe("formatDistinguishedName", () => {
  it("writes names where there are, and the encoding's end first", () => {
    const name = [rdn(C, "DE"), [...rdn(CN, "a,b"), ...rdn("1.2.3", "c")]]
    expect(formatDistinguishedName(name)).toBe("CN=a\\,b+1.2.3=c,C=DE")
    expect(formatDistinguishedName([])).toBe("")
  })

  it.each([
    [" ", "CN=\\ "],
    [" a ", "CN=\\ a\\ "],
    ["#a#", "CN=\\#a#"],
    ["\\ ", "CN=\\\\\\ "],
    ["a\0", "CN=a\\00"]
  ])("protects %j", (value, text) => {
    expect(formatDistinguishedName([rdn(CN, value)])).toBe(text)
  })

  it("for every name: printed and parsed it is the same", () => {
    const arc = fc.integer({ min: 0, max: 2 ** 31 - 1 })
    const oid = fc.oneof(
      fc.constantFrom(...Object.values(attributeTypes)),
      fc
        .tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 39 }), fc.array(arc, { maxLength: 5 }))
        .map(([root, first, arcs]) => [root, first, ...arcs].join("."))
    )
    const special = fc
      .array(fc.constantFrom(...' #+,;<=>\\"\0\n\uFEFF\uFFFDaé'), { minLength: 1 })
      .map((parts) => parts.join(""))
    const value = fc.oneof(special, fc.string({ unit: "binary", minLength: 1 }))
    const attribute = fc.record({ type: oid, value })
    const name = fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(name, (name) => {
        expect(parseDistinguishedName(formatDistinguishedName(name))).toEqual(Result.succeed(name))
      }),
      { numRuns: 1000 }
    )
  })
})

describe("a distinguished name", () => {
  it("survives printing and parsing, with spaces and backslashes at its end too", () => {
    const characters = fc.constantFrom("a", " ", "\\", "#", "+", ",", ";", "=", '"', "é", "😀")
    fc.assert(
      fc.property(fc.array(characters, { minLength: 1 }), (value) => {
        const name = [rdn(CN, value.join(""))]
        expect(parseDistinguishedName(formatDistinguishedName(name))).toEqual(Result.succeed(name))
      })
    )
  })

  it.each(["1.40.1", "0.99", "1.2.99999999999999999999", "3.1"])(
    "has no attribute with the impossible OID %s",
    (oid) => {
      expect(Result.isFailure(parseDistinguishedName(`${oid}=x`))).toBe(true)
    }
  )
})
