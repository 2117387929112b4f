import { describe, expect, it } from "@effect/vitest"
import { Effect, Inspectable, Redacted } from "effect"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import * as SimKeyGenerator from "../../src/testing/SimKeyGenerator.ts"
import type { KeyParameters } from "../../src/VolumeSpec.ts"

const every: ReadonlyArray<KeyParameters> = [
  { algorithm: "RSA", size: 2048 },
  { algorithm: "ECDSA", size: 256 },
  { algorithm: "ECDSA", size: 384 },
  { algorithm: "ECDSA", size: 521 },
  { algorithm: "Ed25519" }
]

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe.each([
  ["Node's", NodeKeyGenerator.layer, every],
  [
    "the simulation's",
    SimKeyGenerator.layer,
    [{ algorithm: "ECDSA", size: 256 }] satisfies ReadonlyArray<KeyParameters>
  ]
] as const)("%s key generator", (_, layer, kinds) => {
  it.live.each(kinds.map((parameters) => [parameters] as const))("makes keys that can be kept: %j", ([parameters]) =>
    Effect.gen(function* () {
      const keys = yield* KeyGenerator
      const [one, other] = yield* Effect.all([keys.generate(parameters), keys.generate(parameters)], { concurrency: 2 })
      expect(hex(one.spki)).not.toBe(hex(other.spki))
      const again = yield* keys.restore(one.pkcs8, parameters)
      expect(hex(again.spki)).toBe(hex(one.spki))
      const data = new Uint8Array(new TextEncoder().encode("to be signed"))
      const how = { ...one.keys.privateKey.algorithm, hash: "SHA-256" }
      const signature = yield* Effect.promise(() => again.crypto.subtle.sign(how, again.keys.privateKey, data))
      expect(yield* Effect.promise(() => one.crypto.subtle.verify(how, one.keys.publicKey, signature, data))).toBe(true)
      expect(Inspectable.toStringUnknown(one)).not.toContain(Buffer.from(Redacted.value(one.pkcs8)).toString("base64"))
    }).pipe(Effect.provide(layer))
  )

  it.live("calls what is no key corrupt", () =>
    Effect.gen(function* () {
      const keys = yield* KeyGenerator
      const parameters: KeyParameters = { algorithm: "ECDSA", size: 256 }
      for (const bytes of [new Uint8Array(0), new Uint8Array(138), new TextEncoder().encode("no key")]) {
        const error = yield* Effect.flip(keys.restore(Redacted.make(bytes), parameters))
        expect(error.reason).toBe("Corrupt")
      }
    }).pipe(Effect.provide(layer))
  )
})

describe("Node's key generator", () => {
  it.live("takes no key of another kind", () =>
    Effect.gen(function* () {
      const keys = yield* KeyGenerator
      const ecdsa = yield* keys.generate({ algorithm: "ECDSA", size: 256 })
      for (const parameters of every.filter(({ algorithm }) => algorithm !== "ECDSA")) {
        expect((yield* Effect.flip(keys.restore(ecdsa.pkcs8, parameters))).reason).toBe("Corrupt")
      }
    }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )
})
