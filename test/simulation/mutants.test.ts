/** The judges, judged: each invariant is broken by a certlet with a flaw, and the judge of that invariant says so. */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { drawStory, invariants, runStory, type Story, type Verdict } from "../../src/testing/index.ts"
import type { Mutant } from "./mutants/Mutant.ts"
import { mutants } from "./mutants/mutants.ts"
import { from } from "./swarm.ts"

const seeds = 200

/** The first story in which this invariant is broken by this mutant. */
const caught = Effect.fnUntraced(function* (
  name: string,
  { faults, layers, seed: first = 1, shows = () => true }: Mutant
) {
  for (const seed of new Set([first, ...from(1, seeds)])) {
    const story = drawStory(seed, { nodes: 1, pods: 4, faults })
    if (!shows(story)) continue
    const { outcome } = yield* runStory(story, { layers })
    if ((outcome._tag === "safety" || outcome._tag === "liveness") && outcome.broken.name === name) return story
  }
  return undefined
})

/** How stories end without a flaw: several mutants are shown by one story. */
const endings = new Map<string, Verdict>()

/** How a story ends without a flaw. */
const soundly = Effect.fnUntraced(function* (story: Story) {
  const known = endings.get(JSON.stringify(story))
  if (known !== undefined) return known
  const { outcome } = yield* runStory(story)
  endings.set(JSON.stringify(story), outcome)
  return outcome
})

describe("the invariants", () => {
  it("have a mutant each", () => {
    expect(Object.keys(mutants).sort()).toEqual(invariants.map(({ name }) => name).sort())
  })

  it("stand in the kit's README, each with its sentence", () => {
    const readme = readFileSync(resolve(import.meta.dirname, "../../src/testing/README.md"), "utf8")
    const rows = invariants.map(({ name, sentence }) => `| ${name} | ${sentence.replace(/\.$/, "")} |`)
    expect(rows.filter((row) => !readme.includes(row))).toEqual([])
  })

  for (const [name, flawed] of Object.entries(mutants)) {
    it.live.each(flawed.map((mutant) => [mutant.flaw, mutant] as const))(`${name}: %s`, ([, mutant]) =>
      Effect.gen(function* () {
        const story = yield* caught(name, mutant)
        if (story === undefined) return expect.fail(`no story of ${seeds} shows it`)
        // What the judge has seen is the flaw: without it the same story breaks nothing.
        expect(yield* soundly(story)).toEqual({ _tag: "passed" })
      })
    )
  }
})
