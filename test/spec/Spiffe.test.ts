import { describe, expect, it } from "@effect/vitest"
import { brokenSpiffeId, brokenSvid, svidUsages } from "../../src/spec/Spiffe.ts"

const id = "spiffe://shop.example/ns/shop/sa/web"

describe("a SPIFFE ID", () => {
  it.each([id, "spiffe://a/b", "spiffe://a_b-c.d/A-Z_0.9/x", `spiffe://${"d".repeat(255)}/x`])("%s is one", (text) => {
    expect(brokenSpiffeId(text)).toBeUndefined()
  })

  it.each([
    ["https://shop.example/x", "must begin"],
    ["SPIFFE://shop.example/x", "must begin"],
    ["spiffe:/shop/x", "must begin"],
    ["spiffe:///x", "trust domain"],
    ["spiffe://Shop.example/x", "trust domain"],
    ["spiffe://user@shop.example/x", "trust domain"],
    ["spiffe://shop.example:443/x", "trust domain"],
    [`spiffe://${"d".repeat(256)}/x`, "trust domain"],
    ["spiffe://shop.example", "path after"],
    ["spiffe://shop.example/", "path after"],
    ["spiffe://shop.example/a/", "segments"],
    ["spiffe://shop.example//a", "segments"],
    ["spiffe://shop.example/a/../b", "segments"],
    ["spiffe://shop.example/./b", "segments"],
    ["spiffe://shop.example/a%20b", "segments"],
    ["spiffe://shop.example/a?b=c", "segments"],
    ["spiffe://shop.example?b", "path after|segments"],
    ["spiffe://shop.example/a#b", "segments"],
    [`spiffe://shop.example/${"x".repeat(2048)}`, "2048"]
  ])("%s is no SPIFFE ID", (text, rule) => {
    expect(brokenSpiffeId(text)).toMatch(new RegExp(rule))
  })
})

describe("the spiffe profile", () => {
  const asked = { uris: [id], otherNames: [], isCA: false, usages: svidUsages }

  it("takes one SPIFFE ID with the usages of both sides of TLS, or without any purpose", () => {
    expect(brokenSvid(asked, [])).toBeUndefined()
    expect(brokenSvid({ ...asked, usages: ["signing", "key agreement"] }, [])).toBeUndefined()
    expect(brokenSvid({ ...asked, uris: [] }, ["uri-sans"])).toBeUndefined()
  })

  it.each([
    ["is-ca", { isCA: true }],
    ["key-usages", { usages: ["key encipherment"] as const }],
    ["key-usages", { usages: ["digital signature", "cert sign"] as const }],
    ["key-usages", { usages: ["digital signature", "crl sign"] as const }],
    ["key-usages", { usages: ["digital signature", "server auth"] as const }],
    ["key-usages", { usages: ["digital signature", "code signing"] as const }],
    ["other-names", { otherNames: [{ oid: "1.2.3", value: "a" }] }],
    ["uri-sans", { uris: [] }],
    ["uri-sans", { uris: [id, id] }],
    ["uri-sans", { uris: ["https://shop.example/"] }]
  ] as const)("names %s where that has to change", (attribute, change) => {
    expect(brokenSvid({ ...asked, ...change }, [])?.[0]).toBe(attribute)
  })
})
