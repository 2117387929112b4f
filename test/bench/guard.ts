// Whether certlet has become slower or larger than it was: what a run has measured, compared with what was recorded. A
// figure is a ratio wherever a floor could be measured in turns with it, so that neither a slow machine nor a busy one
// changes it; the memory of a process and how it idles have no floor and need none. Of several tries the best one
// counts, because a neighbour makes figures worse and never better. Pure: `runGuard.ts` measures, `recorded.json`
// remembers.
import { type Figures, median, type Taken } from "./takeTurns.ts"

/** A row that is guarded. */
export interface Guarded {
  /** The row's name in the turns. */
  readonly what: string
  /** Whether a larger figure is a worse one. */
  readonly worse: "larger" | "smaller"
  /**
   * What it is divided by in each turn: the same row of the floor's, by its own name, or another row of certlet's own
   * turn. Undefined: by nothing.
   */
  readonly over?: string
  /** How many times worse than recorded is still good: what noise is left after the best of the tries. */
  readonly factor: number
  /** A figure up to this one is good whatever was recorded: it is too small to be measured well. */
  readonly least?: number
}

/** What came of one row. */
export interface Verdict {
  readonly what: string
  readonly over: string | undefined
  /** Undefined where nothing was recorded. */
  readonly recorded: number | undefined
  /** Undefined where nothing was measured. */
  readonly now: number | undefined
  readonly bound: number
  readonly good: boolean
}

const figureOf = ({ over, what }: Guarded, taken: Taken): number | undefined => {
  const ours = taken.get(what)?.get("certlet")
  if (ours === undefined || over === undefined) return ours && median(ours)
  const floor = taken.get(over)?.get(over === what ? "floor" : "certlet")
  return floor && median(ours.map((figure, turn) => figure / (floor[turn] ?? Number.NaN)))
}

/** The figures of the guarded rows that the turns have: the median of the turns' own ratios. */
export const guardedFigures = (guarded: ReadonlyArray<Guarded>, taken: Taken): Figures =>
  Object.fromEntries(
    guarded.flatMap((row) => {
      const figure = figureOf(row, taken)
      return figure === undefined ? [] : [[row.what, figure]]
    })
  )

/** Of two tries' figures the better one of each row. */
export const better = (guarded: ReadonlyArray<Guarded>, one: Figures, other: Figures): Figures => ({
  ...one,
  ...other,
  ...Object.fromEntries(
    guarded.flatMap(({ what, worse }) => {
      const [a, b] = [one[what], other[what]]
      if (a === undefined || b === undefined) return []
      return [[what, worse === "larger" ? Math.min(a, b) : Math.max(a, b)]]
    })
  )
})

/** Judges every guarded row; one that was not measured, or never recorded, is not good. */
export const compare = (guarded: ReadonlyArray<Guarded>, recorded: Figures, now: Figures): ReadonlyArray<Verdict> =>
  guarded.map(({ factor, least = 0, over, what, worse }) => {
    const [was, is] = [recorded[what], now[what]]
    const bound = Math.max(least, (was ?? Number.NaN) * (worse === "larger" ? factor : 1 / factor))
    const good = is !== undefined && (worse === "larger" ? is <= bound : is >= bound)
    return { what, over, recorded: was, now: is, bound, good }
  })

/** The row's name, without its unit where the figure is a ratio. */
const nameOf = ({ over, what }: Verdict): string => {
  if (over === undefined) return what
  return `${what.replace(/, ms$/, "")}, over ${over === what ? "the floor's" : over.replace(/, ms$/, "")}`
}

/** A sentence for each row that is not good: what is worse, and by how much. */
export const complaintsOf = (verdicts: ReadonlyArray<Verdict>): ReadonlyArray<string> =>
  verdicts
    .filter(({ good }) => !good)
    .map((verdict) => {
      const { bound, now, recorded } = verdict
      const name = nameOf(verdict)
      if (now === undefined) return `${name}: was not measured`
      if (recorded === undefined) return `${name}: nothing is recorded; npm run bench -- guard --record does it`
      const times = (now > bound ? now / recorded : recorded / now).toFixed(2)
      const [is, was, most] = [now, recorded, bound].map((one) => one.toFixed(2))
      return `${name}: ${times} times worse than recorded (${is}, recorded ${was}, bound ${most})`
    })

/** The verdicts as a table for people. */
export const guardTable = (verdicts: ReadonlyArray<Verdict>): string => {
  const cell = (figure: number | undefined) => (figure === undefined ? "none" : figure.toFixed(2)).padStart(10)
  const lines = verdicts.map((verdict) => {
    const { bound, good, now, recorded } = verdict
    return `${nameOf(verdict).padEnd(80)}${[recorded, now, bound].map(cell).join("")}${good ? "" : "  worse"}`
  })
  return [`${"".padEnd(80)}${["recorded", "now", "bound"].map((one) => one.padStart(10)).join("")}`, ...lines].join(
    "\n"
  )
}
