/**
 * The swarm is held to what it must have come through: a few seeds pass every mark, and strike every kind of fault.
 * Where a change to the simulation takes a mark away, `node test/simulation/chooseSeeds.ts 1 200` finds other seeds.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { drawStory, runStory } from "../../src/testing/index.ts"
import { allMarks, watchMarks } from "./marks.ts"

const seeds = [4, 15, 52, 56, 72, 86, 104, 126, 127, 148, 149]

describe("the swarm", () => {
  const passed = new Set<string>()

  it.live.each(seeds)("passes what it must have come through: seed %i", (seed) =>
    Effect.gen(function* () {
      const story = drawStory(seed)
      const seen = watchMarks(story)
      expect((yield* runStory(story, { watch: seen.watch })).outcome).toEqual({ _tag: "passed" })
      for (const name of seen.passed) passed.add(name)
    })
  )

  it("has passed every mark", () => {
    expect(allMarks.filter((name) => !passed.has(name))).toEqual([])
  })
})
