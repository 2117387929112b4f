import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { readUri } from "../../src/spec/Uri.ts"

describe("a URI", () => {
  it.each([
    "urn:a",
    "urn:host:UA:Server Name",
    "spiffe://trust.example/ns/a/sa/b",
    "https://a.example:8443/x?y=z&a#b",
    "https://user:pw@a.example/",
    "http://[fe80::1%25eth0]:80/",
    "http://[::1]/",
    "https://1.2.3.256/",
    "http://0x7f.1/",
    "http://a:99999/",
    "http://a:/",
    "http://a_b/(c)!'*[d];e",
    "spiffe://td//x/../y",
    "file:///etc/x",
    "foo:/x",
    "foo:?x",
    "mailto:a@b.example",
    "x:%41",
    "//host/x",
    "*"
  ])("stays as it is written: %s", (text) => expect(readUri(text)).toEqual(Result.succeed(text)))

  it.each([
    ["https://a.example/b c", "https://a.example/b%20c"],
    ["https://a.example/ü", "https://a.example/%C3%BC"],
    ["https://a.example/😀#ü", "https://a.example/%F0%9F%98%80#%C3%BC"],
    ["https://a.example/{id}|<x>", "https://a.example/%7Bid%7D%7C%3Cx%3E"],
    ["https://a.example/%41 (b)", "https://a.example/A%20%28b%29"],
    ["HTTPS://A.example/", "https://A.example/"],
    ["spiffe://", "spiffe:"]
  ])("%s stands in a certificate as %s", (text, written) => {
    expect(readUri(text)).toEqual(Result.succeed(written))
    expect(readUri(written)).toEqual(written === "spiffe:" ? expect.anything() : Result.succeed(written))
  })

  it.each([
    ["a", "with a scheme"],
    ["://a", "with a scheme"],
    ["1a:b", "with a scheme"],
    ["", "with a scheme"],
    ["http://{{.PodName}}.svc", "with a host of plain ASCII characters"],
    ["foo://a%20b/", "with a host of plain ASCII characters"],
    ["http://a b", "with a host of plain ASCII characters"],
    ["http://é/", "with a host of plain ASCII characters"],
    ["http://a..b/", "with a host that has no empty part and no dot at its end"],
    ["http://a./", "with a host that has no empty part and no dot at its end"],
    ["http://.a/", "with a host that has no empty part and no dot at its end"],
    ["http://a:b/", "with a port in digits"],
    ["http://[::1]x/", "with a port in digits"],
    ["http://[::1", "with an IPv6 address between brackets"],
    ["http://[::g]/", "with an IPv6 address between brackets"],
    ["http://a b@c/", "with a user of plain characters"],
    ["spiffe://td/%", "with two hexadecimal digits after each %"],
    ["urn:ü", "in ASCII; write other characters as %XX"],
    ["http://a/\u0001", "without control characters"]
  ])("%j is refused: URIs are %s", (text, which) => expect(readUri(text)).toEqual(Result.fail(which)))

  it("is ASCII once it is read, and is read again as it is", () => {
    const part = fc.constantFrom("a", "/", ":", "#", "?", "%41", " ", "ü", "@", "[", "]", ".", "-", "\\", '"')
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const found = readUri(`x://h/${parts.join("")}`)
        if (Result.isFailure(found)) return
        expect(found.success).toMatch(/^[ -~]*$/)
        expect(readUri(found.success)).toEqual(found)
      })
    )
  })
})
