import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Random, Redacted } from "effect"
import type { Passwords } from "../../src/spec/VolumeSecrets.ts"
import * as SimEntropy from "../../src/testing/parts/SimEntropy.ts"
import { Entropy } from "../../src/volume/Entropy.ts"
import * as NodeEntropy from "../../src/volume/NodeEntropy.ts"
import { seal, unseal } from "../../src/volume/Seal.ts"

const key = (name: string) => Redacted.make(new TextEncoder().encode(name))
const passwords: Passwords = new Map([
  ["pkcs12", Redacted.make("hush, ä€")],
  ["jks", Redacted.make("")]
])
const opened = (found: Option.Option<Passwords>) =>
  Option.map(found, (passwords) => [...passwords].map(([kind, password]) => [kind, Redacted.value(password)]))

describe("a seal", () => {
  it.effect("opens under its key, and then all of it is there", () =>
    Effect.gen(function* () {
      const sealed = yield* seal(key("a"), passwords)
      expect(opened(unseal(key("a"), sealed))).toEqual(
        Option.some([
          ["pkcs12", "hush, ä€"],
          ["jks", ""]
        ])
      )
      expect(Buffer.from(sealed).toString("latin1")).not.toContain("hush")
    }).pipe(Effect.provide(NodeEntropy.layer))
  )

  it.effect("opens under no other key, nor where any byte of it is changed or missing", () =>
    Effect.gen(function* () {
      const sealed = yield* seal(key("a"), passwords)
      expect(unseal(key("b"), sealed)).toEqual(Option.none())
      for (let at = 0; at < sealed.length; at++) {
        expect(unseal(key("a"), sealed.with(at, (sealed[at] ?? 0) ^ 1))).toEqual(Option.none())
        expect(unseal(key("a"), sealed.slice(0, at))).toEqual(Option.none())
      }
    }).pipe(Effect.provide(NodeEntropy.layer))
  )

  it.effect("is another one each time, and the same for the same seed", () =>
    Effect.gen(function* () {
      const one = seal(key("a"), passwords).pipe(Effect.provide(SimEntropy.layer), Random.withSeed("seed"))
      expect(yield* one).toEqual(yield* one)
      const two = seal(key("a"), passwords).pipe(Effect.provide(NodeEntropy.layer))
      expect(yield* two).not.toEqual(yield* two)
    })
  )
})

describe.each([
  ["live", NodeEntropy.layer],
  ["simulated", SimEntropy.layer]
] as const)("entropy, %s", (_, layer) => {
  it.effect("gives as many bytes as were asked for, in an array of their own, and others each time", () =>
    Effect.gen(function* () {
      const { bytes } = yield* Entropy
      for (const length of [0, 1, 16, 300]) expect((yield* bytes(length)).length).toBe(length)
      const [one, other] = [yield* bytes(16), yield* bytes(16)]
      expect(one.buffer).not.toBe(other.buffer)
      expect(one).not.toEqual(other)
    }).pipe(Effect.provide(layer))
  )
})
