// Turns and their figures: each contender gives its figures once in every turn, and who comes first changes with the
// turn, so that whatever else the machine does hits all of them alike. What comes out can be printed, as a line of JSON
// for each row and contender and a table of minimum, median and maximum, or compared (`guard.ts`).

/** What one turn shows, by the row's name, which holds the unit. */
export type Figures = Readonly<Record<string, number>>

/** One side of a comparison. */
export interface Side {
  readonly name: string
  readonly take: () => Promise<Figures>
}

/** All turns' figures, in the order of the turns, by row and then by side. */
export type Taken = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<number>>>

/** The middle one of numbers in any order. */
export const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

const cells = (numbers: ReadonlyArray<number>): string => {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return [least, median(numbers), most].map((one) => one.toFixed(most < 10 ? 2 : 0).padStart(9)).join("")
}

/** Takes all turns. */
export const takeTurns = async (sides: ReadonlyArray<Side>, turns: number): Promise<Taken> => {
  const rows = new Map<string, Map<string, Array<number>>>()
  for (let turn = 0; turn < turns; turn++) {
    for (const { name, take } of turn % 2 === 0 ? sides : sides.toReversed()) {
      for (const [what, figure] of Object.entries(await take())) {
        const row = rows.get(what) ?? new Map<string, Array<number>>()
        rows.set(what, row.set(name, [...(row.get(name) ?? []), figure]))
      }
    }
  }
  return rows
}

/** Prints what turns have shown. */
export const printTurns = (taken: Taken): void => {
  const lines = [`${"".padEnd(62)}${["minimum", "median", "maximum"].map((one) => one.padStart(9)).join("")}`]
  for (const [what, row] of taken) {
    for (const [name, numbers] of row) {
      const [minimum, maximum] = [Math.min(...numbers), Math.max(...numbers)]
      console.log(JSON.stringify({ what, of: name, minimum, median: median(numbers), maximum, numbers }))
      lines.push(`${what.padEnd(52)}${name.padEnd(10)}${cells(numbers)}`)
    }
  }
  console.log(`\n${lines.join("\n")}`)
}
