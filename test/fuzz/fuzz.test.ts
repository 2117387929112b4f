import { describe, expect, it } from "vitest"
import { findings } from "./findings.ts"
import { casesOf, readAll } from "./fuzz.ts"
import { dice, mutate } from "./mutate.ts"
import { examplesOf, targets } from "./targets.ts"

const limit = 300_000

describe("a reader of what others write", () => {
  it(
    "answers to every input in bounded time and memory",
    async () => {
      expect(await readAll(casesOf(Object.keys(targets), 1, 25))).toEqual([])
    },
    limit
  )

  it(
    "answers to every text that once was trouble",
    async () => {
      const cases = Object.entries(findings).map(([what, [target, input]], seed) => ({
        target,
        seed,
        what,
        input: new TextEncoder().encode(input)
      }))
      const trouble = await readAll(cases)
      expect(trouble.map(({ seed, target, what }) => `${target}, ${cases[seed]?.what}: ${what}`)).toEqual([])
    },
    limit
  )
})

describe("the fuzzer", () => {
  it("makes the same input of a seed every time, and another of another", () => {
    const examples = Object.values(targets).flatMap(examplesOf)
    const inputs = Array.from({ length: 50 }, (_, seed) => mutate(seed, examples))
    expect(Array.from({ length: 50 }, (_, seed) => mutate(seed, examples))).toEqual(inputs)
    expect(new Set(inputs.map((input) => Buffer.from(input).toString("base64"))).size).toBeGreaterThan(40)
    const roll = dice(7)
    const rolls = Array.from({ length: 1000 }, () => roll(6))
    expect([Math.min(...rolls), Math.max(...rolls)]).toEqual([0, 5])
  })

  it(
    "finds what breaks a law, and goes on behind a case that ends its thread",
    async () => {
      const found = await readAll([
        { target: "nothing", seed: 3 },
        { target: "duration", seed: 4 }
      ])
      expect(found).toMatchObject([{ target: "nothing", seed: 3 }])
      expect(found[0]?.what).toContain("there is no target nothing")
    },
    limit
  )
})
