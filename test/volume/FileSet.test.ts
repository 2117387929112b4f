import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import * as fc from "fast-check"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import { decodeVolumeSpec } from "../../src/VolumeSpec.ts"
import { fileSet, privateKeyOf } from "../../src/volume/FileSet.ts"
import { publishRequest } from "../driver/World.ts"

const specOf = (attributes: Readonly<Record<string, string>>) =>
  decodeVolumeSpec(
    publishRequest(
      "web",
      Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`csi.cert-manager.io/${key}`, value]))
    ).attributes
  )

const textOf = (content: Redacted.Redacted<Uint8Array>) => new TextDecoder().decode(Redacted.value(content))
const signed = { certificate: "the chain\n", ca: "the ca\n" }

describe("a file set", () => {
  it.live.each([
    [{ "key-algorithm": "RSA" }, "RSA PRIVATE KEY"],
    [{ "key-algorithm": "RSA", "key-encoding": "PKCS8" }, "PRIVATE KEY"],
    [{ "key-algorithm": "ECDSA" }, "PRIVATE KEY"],
    [{ "key-algorithm": "Ed25519" }, "PRIVATE KEY"]
  ] as const)("of %j holds the key as %s, and gives it back", ([attributes, label]) =>
    Effect.gen(function* () {
      const spec = yield* specOf(attributes)
      const key = yield* Effect.flatMap(KeyGenerator, (keys) => keys.generate(spec.key))
      const files = fileSet(spec, { privateKey: key.pkcs8, signed })
      expect(files.map(({ mode, name }) => [name, mode])).toEqual([
        ["ca.crt", 0o440],
        ["tls.crt", 0o440],
        ["tls.key", 0o440]
      ])
      const byName = new Map(files.map(({ content, name }) => [name, content]))
      const pem = textOf(byName.get("tls.key") ?? Redacted.make(new Uint8Array()))
      expect(pem).toMatch(new RegExp(`^-----BEGIN ${label}-----\n`))
      const back = Option.getOrThrow(privateKeyOf(spec, byName))
      expect(Buffer.from(Redacted.value(back)).equals(Buffer.from(Redacted.value(key.pkcs8)))).toBe(true)
      expect(JSON.stringify(files)).not.toContain(pem.split("\n")[1])
    }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )

  it.live("uses the names that the pod asks for, and leaves the CA's file empty where there is none", () =>
    Effect.gen(function* () {
      const spec = yield* specOf({ "ca-file": "root.pem", "certificate-file": "c", "key-algorithm": "ECDSA" })
      const key = yield* Effect.flatMap(KeyGenerator, (keys) => keys.generate(spec.key))
      const [ca, certificate] = fileSet(spec, { privateKey: key.pkcs8, signed: { ...signed, ca: "" } })
      expect([ca?.name, certificate?.name]).toEqual(["root.pem", "c"])
      expect(textOf(ca?.content ?? Redacted.make(new Uint8Array(1)))).toBe("")
      expect(textOf(certificate?.content ?? Redacted.make(new Uint8Array()))).toBe("the chain\n")
    }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )

  it("with anything else in the key's place gives no key, and no defect", async () => {
    const spec = await Effect.runPromise(specOf({}))
    const pem = fc.string().map((text) => `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`)
    fc.assert(
      fc.property(fc.oneof(fc.string(), pem), (text) => {
        const files = new Map([["tls.key", Redacted.make(new TextEncoder().encode(text))]])
        expect(Option.isNone(privateKeyOf(spec, files))).toBe(true)
      })
    )
    expect(privateKeyOf(spec, new Map())).toEqual(Option.none())
  })
})
