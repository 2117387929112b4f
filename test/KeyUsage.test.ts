import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { extendedKeyUsages, KeyUsage, keyUsageBits } from "../src/KeyUsage.ts"

describe("a key usage", () => {
  it("is a bit or a purpose, and never both", () => {
    fc.assert(
      fc.property(fc.constantFrom(...KeyUsage.literals), (usage) => {
        const bit = keyUsageBits[usage]
        const purpose = extendedKeyUsages[usage]
        expect((bit === undefined) !== (purpose === undefined)).toBe(true)
        if (bit !== undefined) expect(Math.log2(bit) % 1).toBe(0)
        if (purpose !== undefined) expect(purpose).toMatch(/^\d+(\.\d+)+$/)
      })
    )
  })
})
