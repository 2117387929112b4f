import { expect, it } from "vitest"
import { type Case, readAll } from "./fuzz.ts"
import { targets } from "./targets.ts"

/** Texts that grow: what stands before, what is repeated, and what stands behind and spoils it. */
const growing: ReadonlyArray<readonly [before: string, unit: string, behind: string]> = [
  ["", "a", ""],
  ["", " ", "x"],
  ["", "\n \n", "x"],
  ["", ",", ""],
  ["", "a.", "!"],
  ["a-", "a-", "!/a"],
  ["", "1.", "h"],
  ['"', '""', ""],
  ["CN=", "\\20", ""],
  ["CN=", " ", "x"],
  ["", "CN=a,", ""],
  ["", "${", "}"],
  ["[", "[", ""],
  ['{"a":"', "\\\\", '"'],
  ["", "-----BEGIN ", ""],
  ["-----BEGIN CERTIFICATE-----", " \n", "-----END CERTIFICATE-----"],
  ["-----BEGIN CERTIFICATE-----\n", "a: b\n", "!\n-----END CERTIFICATE-----"]
]

/** Sizes below the limits of attributes, where one is read, and above them all. */
const sizesOf = (target: string): ReadonlyArray<number> =>
  ["attribute", "context", "name"].includes(target) ? [7_000, 28_000] : [100_000, 400_000]

/** Processor time that a measurement may be wrong by on a machine that has other things to do, in milliseconds. */
const noise = 40

it("takes at most linear time to read a text, whatever it is made of", async () => {
  const cases = Object.keys(targets).flatMap((target) =>
    growing.flatMap(([before, unit, behind], seed) =>
      [...sizesOf(target), ...sizesOf(target)].map((size) => ({
        target,
        seed,
        size,
        input: new TextEncoder().encode(before + unit.repeat(size / unit.length) + behind)
      }))
    )
  )
  const millis = new Map<Case, number>()
  expect(await readAll(cases, (one, word) => millis.set(one, word.millis))).toEqual([])
  const least = (target: string, seed: number, size: number) =>
    Math.min(
      ...cases
        .filter((one) => one.target === target && one.seed === seed && one.size === size)
        .map((one) => millis.get(one) ?? Number.POSITIVE_INFINITY)
    )
  // Four times the text takes four times the time; with a square in it, sixteen times.
  const slow = Object.keys(targets).flatMap((target) =>
    growing.flatMap((text, seed) => {
      const [small = 0, large = 0] = sizesOf(target).map((size) => least(target, seed, size))
      return large > 8 * small + noise ? [`${target}, ${JSON.stringify(text)}: ${small} ms, then ${large} ms`] : []
    })
  )
  expect(slow).toEqual([])
}, 300_000)
