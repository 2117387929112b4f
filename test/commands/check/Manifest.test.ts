/**
 * Manifests as people write them: every document by itself, values as kubectl reads them, and the place of each key;
 * what is no YAML costs its own document only, and what is huge or folded together is refused or read in bounds.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { type Path, readManifests } from "../../../src/commands/check/Manifest.ts"

const values = (text: string) =>
  Effect.map(readManifests("a.yaml", text), (read) =>
    read.map((one) => (Result.isSuccess(one) ? one.success.value : one.failure))
  )

const placeIn = (text: string, path: Path) =>
  Effect.map(readManifests("a.yaml", text), ([first]) =>
    first !== undefined && Result.isSuccess(first) ? Option.getOrUndefined(first.success.placeOf(path)) : undefined
  )

describe("a stream of documents", () => {
  it.effect("is read one by one, and one that is broken costs nothing else", () =>
    Effect.gen(function* () {
      const read = yield* values("a: 1\n---\nb: [\n---\nc: 3\n")
      expect(read.at(0)).toEqual({ a: 1 })
      expect(read.at(-1)).toEqual({ c: 3 })
      expect(read).toContainEqual(
        expect.objectContaining({ file: "a.yaml", detail: expect.stringMatching("^is not YAML: ") })
      )
    })
  )

  it.effect("may be JSON", () =>
    Effect.gen(function* () {
      expect(yield* values('{"a": {"b": [1, "x"]}}')).toEqual([{ a: { b: [1, "x"] } }])
    })
  )

  it.effect("holds booleans and texts as kubectl reads them", () =>
    Effect.gen(function* () {
      const text = "a: yes\nb: 'yes'\nc: 0440\nd: 2026-01-01\ne: &x {f: 1}\ng: {<<: *x}\n"
      expect(yield* values(text)).toEqual([{ a: true, b: "yes", c: 288, d: "2026-01-01", e: { f: 1 }, g: { f: 1 } }])
    })
  )

  it.effect("is told with its place where a key is there twice", () =>
    Effect.gen(function* () {
      expect(yield* values("a: 1\nb: 2\na: 3\n")).toEqual([
        { file: "a.yaml", line: 3, column: 1, detail: "is not YAML: Map keys must be unique" }
      ])
      expect(yield* values("a: 1\n1: 2\n'1': 3\nb: [{c: 1, d: 2, c: 3}]\n")).toEqual([
        { file: "a.yaml", line: 4, column: 18, detail: "is not YAML: Map keys must be unique" }
      ])
    })
  )
})

describe("a place", () => {
  const text =
    "spec:\n  volumes:\n    - name: tls\n      csi: &csi\n        driver: x\n    - name: b\n      csi: *csi\n"
  it.effect("is that of the key, or of what is around it", () =>
    Effect.gen(function* () {
      expect(yield* placeIn(text, ["spec", "volumes", 0, "csi", "driver"])).toEqual({ line: 5, column: 9 })
      expect(yield* placeIn(text, ["spec", "volumes", 0, "csi", "missing"])).toEqual({ line: 4, column: 7 })
      expect(yield* placeIn(text, ["spec", "volumes", 1, "csi"])).toEqual({ line: 7, column: 7 })
    })
  )

  it.effect("is found through an alias", () =>
    Effect.gen(function* () {
      expect(yield* placeIn(text, ["spec", "volumes", 1, "csi", "driver"])).toEqual({ line: 5, column: 9 })
    })
  )
})

describe("a text that is too much", () => {
  // A comparison of each key with every other one would take longer than ten minutes.
  it.effect(
    "is read in linear time where it is one map of 300,000 keys",
    () =>
      Effect.gen(function* () {
        const [read] = yield* values(Array.from({ length: 300_000 }, (_, index) => `k${index}: v`).join("\n"))
        expect(Object.keys(read ?? {})).toHaveLength(300_000)
      }),
    120_000
  )

  it.effect("is refused where aliases multiply it", () =>
    Effect.gen(function* () {
      const folds = Array.from(
        { length: 20 },
        (_, at) => `l${at + 1}: &l${at + 1} [${Array(9).fill(`*l${at}`).join(",")}]`
      )
      const [read] = yield* values(`l0: &l0 [x]\n${folds.join("\n")}\n`)
      expect(read).toMatchObject({ detail: expect.stringMatching("^cannot be read: ") })
    })
  )

  it.effect("is read without places where it is a long list as JSON", () =>
    Effect.gen(function* () {
      const text = JSON.stringify({ items: Array.from({ length: 60_000 }, (_, at) => ({ at, text: "x".repeat(80) })) })
      const [read] = yield* readManifests("pods.json", text)
      expect(read !== undefined && Result.isSuccess(read) && Option.isNone(read.success.placeOf(["items"]))).toBe(true)
    })
  )
})
