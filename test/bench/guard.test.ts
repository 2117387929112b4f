// The guard's comparison by itself: it names what has become worse, and what was never recorded or not measured, and
// it is silent about noise, about a machine that is slower as a whole, and about what has become better.
import { describe, expect, it } from "vitest"
import { better, compare, complaintsOf, type Guarded, guardedFigures, guardTable } from "./guard.ts"
import type { Taken } from "./takeTurns.ts"

const latency: Guarded = { what: "publish p50, ms", worse: "larger", over: "publish p50, ms", factor: 1.4 }
const pace: Guarded = { what: "publishes a second", worse: "smaller", over: "publishes a second", factor: 1.4 }
const memory: Guarded = { what: "working set, MiB", worse: "larger", factor: 1.15 }
const start: Guarded = { what: "start, ms", worse: "larger", over: "start of a bare process, ms", factor: 1.5 }
const rows = [latency, pace, memory, start]

type Change = Readonly<Partial<Record<"latency" | "pace" | "memory" | "start", number>>>

/** Three turns of floor and certlet. */
const taken = (change: Change = {}): Taken => {
  const times = (numbers: ReadonlyArray<number>, factor = 1) => numbers.map((one) => one * factor)
  return new Map([
    [
      "publish p50, ms",
      new Map([
        ["floor", [10, 12, 50]],
        ["certlet", times([20, 24, 100], change.latency)]
      ])
    ],
    [
      "publishes a second",
      new Map([
        ["certlet", times([45, 40, 10], change.pace)],
        ["floor", [90, 80, 20]]
      ])
    ],
    ["working set, MiB", new Map([["certlet", times([60, 61, 62], change.memory)]])],
    ["start of a bare process, ms", new Map([["certlet", [40, 80, 50]]])],
    ["start, ms", new Map([["certlet", times([800, 1600, 1000], change.start)]])]
  ])
}

const recorded = guardedFigures(rows, taken())
const verdicts = (now: Taken) => compare(rows, recorded, guardedFigures(rows, now))
const complaints = (now: Taken) => complaintsOf(verdicts(now))

describe("the guard's figures", () => {
  it("are the median of the turns' own ratios, and bare where there is no floor", () => {
    expect(recorded).toEqual({
      "publish p50, ms": 2,
      "publishes a second": 0.5,
      "working set, MiB": 61,
      "start, ms": 20
    })
  })

  it("are not changed by a turn in which the machine was busy with something else", () => {
    const busy = new Map([
      [
        "publish p50, ms",
        new Map([
          ["floor", [10, 12, 500]],
          ["certlet", [20, 24, 1100]]
        ])
      ]
    ])
    expect(guardedFigures([latency], busy)).toEqual({ "publish p50, ms": 2 })
  })

  it("are the better ones of two tries", () => {
    const other = { "publish p50, ms": 1.9, "publishes a second": 0.4, "working set, MiB": 70, "start, ms": 19 }
    const best = { "publish p50, ms": 1.9, "publishes a second": 0.5, "working set, MiB": 61, "start, ms": 19 }
    expect(better(rows, recorded, other)).toEqual(best)
    expect(better(rows, {}, other)).toEqual(other)
  })
})

describe("the guard", () => {
  it("says nothing of what is as recorded", () => {
    expect(complaints(taken())).toEqual([])
  })

  it.each([
    ["publish p50, over the floor's", { latency: 2 }],
    ["publishes a second, over the floor's", { pace: 0.5 }],
    ["working set, MiB", { memory: 2 }],
    ["start, over start of a bare process", { start: 2 }]
  ])("names %s, and nothing else, where it is twice as bad", (what, change) => {
    const said = complaints(taken(change))
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(new RegExp(`^${what}: 2.00 times worse than recorded`))
    expect(
      guardTable(verdicts(taken(change)))
        .split("\n")
        .filter((line) => line.endsWith("worse"))
    ).toHaveLength(1)
  })

  it("lets noise within the bound pass, and everything that is better", () => {
    expect(complaints(taken({ latency: 1.3, pace: 0.8, memory: 1.1, start: 1.4 }))).toEqual([])
    expect(complaints(taken({ latency: 0.1, pace: 5, memory: 0.5, start: 0.2 }))).toEqual([])
  })

  it("lets a figure pass that is too small to be measured well", () => {
    const idle: Guarded = { what: "idle, %", worse: "larger", factor: 1.5, least: 0.5 }
    const goodOf = (now: number) => compare([idle], { "idle, %": 0.03 }, { "idle, %": now }).map(({ good }) => good)
    expect([goodOf(0.4), goodOf(0.6)]).toEqual([[true], [false]])
  })

  it("does not pass a row that was not measured, or never recorded", () => {
    const now = guardedFigures(rows, taken())
    expect(complaintsOf(compare([memory], recorded, {}))).toEqual(["working set, MiB: was not measured"])
    expect(complaintsOf(compare([memory], {}, now))[0]).toMatch(/^working set, MiB: nothing is recorded/)
  })

  it("does not pass a ratio to a floor that is missing", () => {
    const alone = new Map([["publish p50, ms", new Map([["certlet", [20, 24, 100]]])]])
    const said = complaintsOf(compare([latency], recorded, guardedFigures([latency], alone)))
    expect(said).toEqual(["publish p50, over the floor's: was not measured"])
  })
})
