import { createPrivateKey, createPublicKey, type KeyObject, verify } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import * as fc from "fast-check"
import { KeyGenerator, type PrivateKey } from "../../src/issuance/KeyGenerator.ts"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import type { KeyParameters } from "../../src/spec/VolumeSpec.ts"
import { eventually } from "../kit/until.ts"

const all: ReadonlyArray<KeyParameters> = [
  { algorithm: "RSA", size: 2048 },
  { algorithm: "RSA", size: 3072 },
  { algorithm: "ECDSA", size: 256 },
  { algorithm: "ECDSA", size: 384 },
  { algorithm: "ECDSA", size: 521 },
  { algorithm: "Ed25519" }
]
const p256: KeyParameters = { algorithm: "ECDSA", size: 256 }

const generate = (parameters: KeyParameters) =>
  Effect.flatMap(KeyGenerator, (keys) => keys.generate({ parameters, pod: "a", volumeId: "csi-a" }))
const restore = (pkcs8: Uint8Array, parameters: KeyParameters) =>
  Effect.flatMap(KeyGenerator, (keys) => keys.restore(Redacted.make(pkcs8), parameters))

/** The programs that this one has started and that still run, by a word of their command lines. */
const childrenWith = (word: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => {
    try {
      const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
      return parent === `${process.pid}` && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word)
    } catch {
      return false
    }
  })

/** The halves as another reader of DER finds them. */
const secret = (key: PrivateKey): KeyObject =>
  createPrivateKey({ key: Buffer.from(Redacted.value(key.pkcs8)), format: "der", type: "pkcs8" })
const open = (key: PrivateKey): KeyObject =>
  createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" })

const details = (key: PrivateKey) => {
  const { asymmetricKeyDetails, asymmetricKeyType } = open(key)
  return [asymmetricKeyType, asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength]
}

/** True where its signature verifies, by the hash that cert-manager would choose for such a key. */
const signs = (key: PrivateKey, hash: string | null) => {
  const data = new TextEncoder().encode("text")
  return Effect.map(key.sign(data), (signature) => verify(hash, data, open(key), signature))
}

layer(NodeKeyGenerator.layer)("keys of Node", (it) => {
  const expected = [
    { is: ["rsa", 2048], hash: "sha256", signatureAlgorithm: "sha256WithRSAEncryption" },
    { is: ["rsa", 3072], hash: "sha384", signatureAlgorithm: "sha384WithRSAEncryption" },
    { is: ["ec", "prime256v1"], hash: "sha256", signatureAlgorithm: "ecdsa-with-SHA256" },
    { is: ["ec", "secp384r1"], hash: "sha384", signatureAlgorithm: "ecdsa-with-SHA384" },
    { is: ["ec", "secp521r1"], hash: "sha512", signatureAlgorithm: "ecdsa-with-SHA512" },
    { is: ["ed25519", undefined], hash: null, signatureAlgorithm: "id-Ed25519" }
  ] as const

  it.effect.each(
    all.flatMap((parameters, index) => {
      const wanted = expected[index]
      return wanted === undefined ? [] : [{ parameters, expected: wanted }]
    })
  )("$parameters.algorithm $parameters.size is made, signs, and comes back from its DER", ({ expected, parameters }) =>
    Effect.gen(function* () {
      const key = yield* generate(parameters)
      expect(key.parameters).toEqual(parameters)
      expect(details(key)).toEqual(expected.is)
      expect(key.signatureAlgorithm).toBe(expected.signatureAlgorithm)
      expect(createPublicKey(secret(key)).equals(open(key))).toBe(true)
      expect(yield* signs(key, expected.hash)).toBe(true)
      const again = yield* restore(Redacted.value(key.pkcs8), parameters)
      expect(again.spki).toEqual(key.spki)
      expect(secret(again).equals(secret(key))).toBe(true)
      expect(yield* signs(again, expected.hash)).toBe(true)
      for (const other of all.filter((other) => other !== parameters)) {
        const error = yield* Effect.flip(restore(Redacted.value(key.pkcs8), other))
        expect(error.reason).toBe("Corrupt")
      }
      if (parameters.algorithm === "RSA") {
        const error = yield* Effect.flip(restore(Redacted.value(key.pkcs8), { algorithm: "RSA", size: 4096 }))
        expect(error.reason).toBe("Corrupt")
      }
    })
  )

  it.effect("are different every time", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.forEach([1, 2, 3, 4, 5], () => generate(p256), { concurrency: "unbounded" })
      expect(new Set(keys.map(({ spki }) => Buffer.from(spki).toString("hex"))).size).toBe(5)
    })
  )

  it.effect("do not print their secret half", () =>
    Effect.gen(function* () {
      const { pkcs8 } = yield* generate(p256)
      expect(`${pkcs8} ${JSON.stringify({ pkcs8 })}`).toBe('<redacted> {"pkcs8":"<redacted>"}')
    })
  )

  it.effect("that are damaged are Corrupt, and their error holds nothing of them", () =>
    Effect.gen(function* () {
      const der = Redacted.value((yield* generate(p256)).pkcs8)
      for (const bytes of [new Uint8Array(), der.slice(0, -1), der.slice(1), new Uint8Array(der.length)]) {
        const error = yield* Effect.flip(restore(bytes, p256))
        expect(error.message).toBe("private key: corrupt")
        expect(error.temper).toBe("transient")
      }
    })
  )

  it.effect("that nobody can make have Failed", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(generate({ algorithm: "RSA", size: 1 }))
      expect([error.reason, error.temper]).toEqual(["Failed", "transient"])
    })
  )
})

describe("keys larger than RSA-2048", () => {
  it.live("keep no other pod waiting, and stop where nobody wants them", () =>
    Effect.gen(function* () {
      const keys = yield* KeyGenerator
      const order: Array<string> = []
      const generate = (pod: string, volumeId: string, size: number) =>
        keys
          .generate({ parameters: { algorithm: "RSA", size }, pod, volumeId })
          .pipe(Effect.tap(() => Effect.sync(() => void order.push(volumeId))))
      const greedy = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, n) => `greedy ${n}`),
        (id) => Effect.forkChild(generate("greedy", id, 16384))
      )
      yield* Effect.forEach([1, 2, 3, 4], (n) => generate("modest", `small ${n}`, 2048), { concurrency: 4 })
      // One such key takes minutes; four small ones take a second.
      expect(order.filter((id) => id.startsWith("small")).length).toBe(4)
      expect(order.length).toBeLessThan(8)
      const big = yield* Effect.forkChild(generate("modest", "big", 3072))
      yield* Effect.yieldNow
      const { before } = Option.getOrThrow(yield* keys.progress("big"))
      expect(before).toBeLessThanOrEqual(3)
      yield* Effect.forEach(greedy, Fiber.interrupt, { concurrency: "unbounded" })
      yield* Fiber.join(big)
      expect(order.length).toBeLessThan(8)
      // What was killed has the lowest claim on the processors, and needs one to end.
      yield* eventually(
        "the end of every process",
        Effect.sync(() => childrenWith("modulusLength").length === 0)
      )
    }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )
})

describe("restore", () => {
  it("for every sequence of bytes: Corrupt, never a defect", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...all), async (bytes, parameters) => {
        const restored = Effect.flip(restore(bytes, parameters)).pipe(Effect.provide(NodeKeyGenerator.layer))
        expect((await Effect.runPromise(restored)).reason).toBe("Corrupt")
      })
    )
  })
})
