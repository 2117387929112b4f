import { expect, it } from "vitest"
import { uuidV4 } from "../../src/spec/uuidV4.ts"

it.each([
  ["0123456789abcdef0123456789abcdef", "01234567-89ab-4def-8123-456789abcdef"],
  ["ffffffffffffffffffffffffffffffff", "ffffffff-ffff-4fff-bfff-ffffffffffff"]
])("the digits %s become a UUID of version 4", (digits, uuid) => {
  expect(uuidV4(digits)).toBe(uuid)
})
