import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import type { KeyParameters } from "../../src/spec/VolumeSpec.ts"
import { laws } from "../../src/testing/contract/keyGenerator.ts"
import * as SimKeyGenerator from "../../src/testing/parts/SimKeyGenerator.ts"

const kinds: ReadonlyArray<KeyParameters> = [
  { algorithm: "RSA", size: 2048 },
  { algorithm: "ECDSA", size: 256 },
  { algorithm: "ECDSA", size: 384 },
  { algorithm: "ECDSA", size: 521 },
  { algorithm: "Ed25519" }
]

describe("the simulated KeyGenerator", () => {
  for (const { law, program } of laws({ algorithm: "ECDSA", size: 256 })) {
    it.effect(law, () => Effect.provide(program, SimKeyGenerator.layer))
  }
})

describe.each(kinds)("the live KeyGenerator, $algorithm $size", (parameters) => {
  for (const { law, program } of laws(parameters)) {
    it.live(law, () => Effect.provide(program, NodeKeyGenerator.layer))
  }
})

describe("the live KeyGenerator with keys made ahead of time", () => {
  for (const { law, program } of laws({ algorithm: "RSA", size: 2048 })) {
    it.live(law, () => Effect.provide(program, NodeKeyGenerator.layerWithPool(2)))
  }
})
