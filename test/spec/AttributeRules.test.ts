import { describe, expect, it } from "@effect/vitest"
import { Duration, Result } from "effect"
import * as fc from "fast-check"
import * as Rules from "../../src/spec/AttributeRules.ts"
import { quoted, type Rule } from "../../src/spec/Rule.ts"

/** What a rule makes of a text: the value, or `undefined` where it is broken. */
const read =
  <A>(rule: Rule<A>) =>
  (text: string): A | undefined =>
    Result.getOrElse(rule(text), () => undefined)

const sentence = <A>(result: Result.Result<A, string>): string =>
  Result.match(result, { onSuccess: () => "", onFailure: (failure) => failure })

describe("quoted", () => {
  it("keeps a line, and cuts what is longer", () => {
    expect(quoted('a"b\n')).toBe('"a\\"b\\n"')
    expect(quoted("x".repeat(80))).toBe(`"${"x".repeat(80)}"`)
    expect(quoted("x".repeat(81))).toBe(`"${"x".repeat(77)}..."`)
  })
})

describe("single values", () => {
  it("nonEmpty keeps a text as it is", () => {
    expect(Rules.nonEmpty(" a ")).toEqual(Result.succeed(" a "))
    for (const text of ["", " ", "\t\n"]) expect(sentence(Rules.nonEmpty(text))).toContain("must not be empty")
  })

  it("flag is what Go's strconv.ParseBool takes", () => {
    const on = ["1", "t", "T", "TRUE", "true", "True"].map(read(Rules.flag))
    const off = ["0", "f", "F", "FALSE", "false", "False"].map(read(Rules.flag))
    expect([new Set(on), new Set(off)]).toEqual([new Set([true]), new Set([false])])
    expect(new Set(["", " true", "yes", "tRUE", "on", "01"].map(read(Rules.flag)))).toEqual(new Set([undefined]))
    expect(sentence(Rules.flag("maybe"))).toBe('must be true or false, but is "maybe"')
  })

  it("oneOf takes any letter case and gives the word", () => {
    const rule = Rules.oneOf(["RSA", "Ed25519"])
    expect(["rsa", " ED25519 ", "rs", ""].map(read(rule))).toEqual(["RSA", "Ed25519", undefined, undefined])
    expect(sentence(rule("DSA"))).toBe('must be one of RSA, Ed25519, but is "DSA"')
  })

  it("integer is decimal and in its range", () => {
    const rule = Rules.integer(1, 10)
    expect(["1", "10", "007", "+7"].map(read(rule))).toEqual([1, 10, 7, 7])
    for (const text of ["0", "11", "", " 1", "1.0", "1e1", "0x1", "+", "-1", "１", "99999999999"]) {
      expect(sentence(rule(text))).toBe(`must be a whole number from 1 to 10, but is ${JSON.stringify(text)}`)
    }
  })

  it("durations are Go's", () => {
    expect(Result.map(Rules.lifetime("1s"), Duration.toMillis)).toEqual(Result.succeed(1000))
    expect(Result.map(Rules.lifetime("1h30m"), Duration.toMillis)).toEqual(Result.succeed(5_400_000))
    for (const text of ["999ms", "0", "-1h", "1", "1d", "", "1 h"]) expect(read(Rules.lifetime)(text)).toBeUndefined()
    expect(read(Rules.timeBefore)("0")).toEqual(Duration.zero)
    expect(read(Rules.timeBefore)("-1ns")).toBeUndefined()
  })

  it("fileName is one name inside the volume", () => {
    const good = ["a", ".a", "a..b", "a..", "a b", "é".repeat(127), "x".repeat(255)]
    expect(good.filter((text) => read(Rules.fileName)(text) !== text)).toEqual([])
    const bad = ["", ".", "..", "..a", "...", "/a", "a/b", "a/", " a", "a ", "a\n", "a\0b", "x".repeat(256)]
    expect([...bad, "é".repeat(128), "a\u007f"].filter((text) => read(Rules.fileName)(text) !== undefined)).toEqual([])
  })
})

describe("lists", () => {
  it("split at plain commas, whatever stands between", () => {
    expect(read(Rules.commaList)(' a ,"b,c",, d\n,')).toEqual(["a", '"b', 'c"', "d"])
    expect(read(Rules.commaList)("")).toEqual([])
  })

  it.each<[string, ReadonlyArray<string>]>([
    ["", []],
    [" , ,", []],
    ["a", ["a"]],
    [" a , b c ,", ["a", "b c"]],
    ['"a,b",c', ["a,b", "c"]],
    [' "a" , "b" ', ["a", "b"]],
    ['"a ""b"" c"', ['a "b" c']],
    ['""', []],
    ['" a "', ["a"]],
    ['"a\nb"', ["a\nb"]],
    ["a'b", ["a'b"]],
    ["a\\,b", ["a\\", "b"]]
  ])("are CSV: %j", (text, expected) => {
    expect(Rules.csvList(text)).toEqual(Result.succeed(expected))
  })

  it.each(['"', '"a', 'a"b', '"a"b', '"a" b,c', 'a,"b', '"""', "a\nb"])("are not CSV: %j", (text) => {
    expect(sentence(Rules.csvList(text))).toMatch(/^must be a comma-separated list, with double quotes .* but is "/)
  })

  it("for every list: written as CSV and read again it is the same", () => {
    const element = fc.string({ unit: "binary", minLength: 1 }).filter((text) => text.trim() === text)
    const piece = fc.oneof(element, fc.constantFrom(",", '"', '""', "a,b", 'say "x"', "a\nb", "'"))
    fc.assert(
      fc.property(fc.array(piece), fc.boolean(), (elements, always) => {
        const write = (text: string) => (always || /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
        expect(Rules.csvList(elements.map(write).join(","))).toEqual(Result.succeed(elements))
      })
    )
  })

  it("for every text: CSV is read or refused, and no element is empty or has spaces around it", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", ",", '"', " ", "\n", "\t", "é")), (parts) => {
        const found = read(Rules.csvList)(parts.join("")) ?? []
        expect(found.filter((element) => element === "" || element !== element.trim())).toEqual([])
      })
    )
  })
})

describe("names of certificates", () => {
  it("reads URIs and says which one is wrong", () => {
    expect(read(Rules.uris)("urn:a, https://a.example/ä,\n")).toEqual(["urn:a", "https://a.example/%C3%A4"])
    expect(sentence(Rules.uris("urn:a,b"))).toBe('must hold URIs with a scheme, but is "b"')
  })

  it("takes DNS names of ASCII", () => {
    expect(read(Rules.dnsNames)("a.example, *.B.example,_x")).toEqual(["a.example", "*.B.example", "_x"])
    expect(read(Rules.dnsNames)("x".repeat(253))).toEqual(["x".repeat(253)])
    for (const text of ["x".repeat(254), "a b", "é", "a\u0000"]) expect(read(Rules.dnsNames)(text)).toBeUndefined()
  })

  it.each<[string, string]>([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:0A00:0001", "10.0.0.1"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"]
  ])("takes the address %s in its one form", (text, expected) => {
    expect(read(Rules.ipAddresses)(text)).toEqual([expected])
  })

  it.each(["1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "0x7f.0.0.1", "1", "[::1]", "::1%eth0", ":::", "1:2", "::g"])(
    "refuses the address %s",
    (text) => expect(sentence(Rules.ipAddresses(text))).toBe(`must hold IP addresses, but is "${text}"`)
  )

  it("for every IPv4 address: itself, as mapped IPv6 too", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(read(Rules.ipAddresses)(`${address},::ffff:${address}`)).toEqual([address, address])
      })
    )
  })

  it("for every IPv6 address: one form, which reads as itself", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const [once = ""] = read(Rules.ipAddresses)(address) ?? []
        expect(once).not.toBe("")
        expect(read(Rules.ipAddresses)(once)).toEqual([once])
        expect(read(Rules.ipAddresses)(address.toUpperCase())).toEqual([once])
      })
    )
  })
})
