// Turns and their figures: each contender gives its figures once in every turn, who comes first changes with the turn,
// and what comes out is a line of JSON for each row and contender and a table of minimum, median and maximum. So
// whatever else the machine does hits all of them alike.

/** What one turn shows, by the row's name, which holds the unit. */
export type Figures = Readonly<Record<string, number>>

/** One side of a comparison. */
export interface Side {
  readonly name: string
  readonly take: () => Promise<Figures>
}

/** The middle one of numbers in any order. */
export const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

const cells = (numbers: ReadonlyArray<number>): string => {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return [least, median(numbers), most].map((one) => one.toFixed(most < 10 ? 2 : 0).padStart(9)).join("")
}

/** Takes all turns and prints what they have shown. */
export const takeTurns = async (sides: ReadonlyArray<Side>, turns: number): Promise<void> => {
  const rows = new Map<string, Map<string, Array<number>>>()
  for (let turn = 0; turn < turns; turn++) {
    for (const { name, take } of turn % 2 === 0 ? sides : sides.toReversed()) {
      for (const [what, figure] of Object.entries(await take())) {
        const row = rows.get(what) ?? new Map<string, Array<number>>()
        rows.set(what, row.set(name, [...(row.get(name) ?? []), figure]))
      }
    }
  }
  const lines = [`${"".padEnd(62)}${["minimum", "median", "maximum"].map((one) => one.padStart(9)).join("")}`]
  for (const [what, row] of rows) {
    for (const [name, numbers] of row) {
      const [minimum, maximum] = [Math.min(...numbers), Math.max(...numbers)]
      console.log(JSON.stringify({ what, of: name, minimum, median: median(numbers), maximum, numbers }))
      lines.push(`${what.padEnd(52)}${name.padEnd(10)}${cells(numbers)}`)
    }
  }
  console.log(`\n${lines.join("\n")}`)
}
