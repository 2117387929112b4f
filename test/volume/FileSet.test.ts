import "reflect-metadata"
import { createPrivateKey, generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Option, Redacted } from "effect"
import * as fc from "fast-check"
import type { KeyEncoding } from "../../src/spec/VolumeSpec.ts"
import { type FileSet, fileSet, privateKeyOf } from "../../src/volume/FileSet.ts"
import { spec } from "../kit/LiveClient.ts"

const signed = { certificate: "leaf\n", ca: "root\n" }

const keys = {
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  Ed25519: generateKeyPairSync("ed25519").privateKey
}
type Kind = keyof typeof keys
const derOf = (kind: Kind) => new Uint8Array(keys[kind].export({ format: "der", type: "pkcs8" }))

const setOf = (pkcs8: Uint8Array, keyEncoding: KeyEncoding = "PKCS8") =>
  fileSet(spec({ keyEncoding }), { privateKey: Redacted.make(pkcs8), signed })

const textOf = (files: FileSet, name: string) =>
  new TextDecoder().decode(
    Redacted.value(files.find((file) => file.name === name)?.content ?? Redacted.make(new Uint8Array()))
  )

/** The key that a volume with these files holds. */
const keyOf = (files: FileSet) =>
  Option.map(privateKeyOf(spec(), new Map(files.map(({ content, name }) => [name, content]))), Redacted.value)
const keyIn = (text: string) =>
  keyOf([{ name: "tls.key", content: Redacted.make(new TextEncoder().encode(text)), mode: 0 }])

describe("the files of an issue", () => {
  it("are the CA, the chain and the key, for owner and group to read", () => {
    const files = setOf(derOf("Ed25519"))
    expect(files.map(({ mode, name }) => [name, mode])).toEqual([
      ["ca.crt", 0o440],
      ["tls.crt", 0o440],
      ["tls.key", 0o440]
    ])
    expect([textOf(files, "ca.crt"), textOf(files, "tls.crt")]).toEqual(["root\n", "leaf\n"])
  })

  it("have the names that the spec gives them, and an empty CA where there is none", () => {
    const names = { ca: "a", certificate: "b", privateKey: "c" }
    const material = { privateKey: Redacted.make(derOf("Ed25519")), signed: { certificate: "leaf", ca: "" } }
    const files = fileSet(spec({ files: names }), material)
    expect(files.map(({ name }) => name)).toEqual(["a", "b", "c"])
    expect([textOf(files, "a"), textOf(files, "b")]).toEqual(["", "leaf"])
    const held = new Map(files.map(({ content, name }) => [name, content]))
    expect(Option.isSome(privateKeyOf(spec({ files: names }), held))).toBe(true)
    expect(privateKeyOf(spec(), held)).toEqual(Option.none())
  })

  it("do not print what they hold", () => {
    expect(JSON.stringify(setOf(derOf("RSA")))).not.toMatch(/BEGIN|leaf|root/)
  })

  it.each<[Kind, KeyEncoding, string]>([
    ["RSA", "PKCS1", "RSA PRIVATE KEY"],
    ["RSA", "PKCS8", "PRIVATE KEY"],
    ["P-256", "PKCS8", "PRIVATE KEY"],
    ["P-384", "PKCS8", "PRIVATE KEY"],
    ["P-521", "PKCS8", "PRIVATE KEY"],
    ["Ed25519", "PKCS8", "PRIVATE KEY"]
  ])("hold the key of %s as %s, which others read and which comes back byte for byte", (kind, encoding, label) => {
    const files = setOf(derOf(kind), encoding)
    const text = textOf(files, "tls.key")
    expect(text.split("\n").at(0)).toBe(`-----BEGIN ${label}-----`)
    expect(text.endsWith(`\n-----END ${label}-----\n`)).toBe(true)
    expect(text).toBe(keys[kind].export({ format: "pem", type: encoding === "PKCS1" ? "pkcs1" : "pkcs8" }))
    expect(createPrivateKey(text).equals(keys[kind])).toBe(true)
    expect(keyOf(files)).toEqual(Option.some(derOf(kind)))
  })

  it("for every other key of the same form: written and read it is the same", () => {
    const kind = fc.constantFrom<Kind>("P-256", "P-384", "P-521", "Ed25519")
    fc.assert(
      fc.property(kind, fc.uint8Array({ minLength: 16, maxLength: 16 }), (kind, noise) => {
        const der = derOf(kind)
        // The secret itself is an octet string, so any bytes in it are still DER.
        der.set(noise, kind === "Ed25519" ? 16 : 40)
        expect(keyOf(setOf(der))).toEqual(Option.some(der))
      })
    )
  })
})

describe("the key that a volume holds", () => {
  const pem = textOf(setOf(derOf("P-256")), "tls.key")

  it("is the first of its file, wherever it stands in it", () => {
    for (const text of [pem.replaceAll("\n", "\r\n"), `# a key\n${pem}`, pem.trim(), `${pem}${pem}`]) {
      expect(keyIn(text)).toEqual(Option.some(derOf("P-256")))
    }
  })

  it.each([
    ["no text", ""],
    ["other text", "hello"],
    ["a block that is cut off", pem.slice(0, -10)],
    ["a certificate", pem.replaceAll("PRIVATE KEY", "CERTIFICATE")],
    ["an EC key of its own form", pem.replaceAll("PRIVATE KEY", "EC PRIVATE KEY")],
    ["an encrypted key", pem.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")],
    ["a PKCS#8 key called PKCS#1", pem.replaceAll("PRIVATE KEY", "RSA PRIVATE KEY")],
    [
      "a PKCS#1 key called PKCS#8",
      textOf(setOf(derOf("RSA"), "PKCS1"), "tls.key").replaceAll("RSA PRIVATE", "PRIVATE")
    ],
    ["a block of nothing", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"]
  ])("is absent where there is %s", (_, text) => {
    expect(keyIn(text)).toEqual(Option.none())
  })

  it("is absent where the file is missing", () => {
    expect(keyOf([])).toEqual(Option.none())
    expect(keyOf(setOf(derOf("Ed25519")).slice(0, 2))).toEqual(Option.none())
  })

  it("for every damage to the file: a key or none, never a defect", () => {
    fc.assert(
      fc.property(fc.nat(pem.length), fc.nat(20), fc.string({ maxLength: 3 }), (at, length, put) => {
        const found = keyIn(pem.slice(0, at) + put + pem.slice(at + length))
        expect(Option.isOption(found)).toBe(true)
      })
    )
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const held = new Map([["tls.key", Redacted.make(bytes)]])
        expect(privateKeyOf(spec(), held)).toEqual(Option.none())
      })
    )
  })
})

describe("a key that is damaged", () => {
  it.each([
    ["PRIVATE KEY", "="],
    ["RSA PRIVATE KEY", "AAAA"],
    ["CERTIFICATE", "AAAA"]
  ])("is not kept: %s of %s", (label, body) => {
    expect(keyIn(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`)).toEqual(Option.none())
  })
})
