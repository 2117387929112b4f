/**
 * A table for a terminal of any width. Columns are as wide as what stands in them. The last one holds sentences: where
 * the terminal is too narrow it is wrapped, and the columns that are worth least are left out; where that is not enough
 * it stands below its row. Nothing is ever cut. Pure.
 */

/** One column. */
export interface Column {
  readonly heading: string
  /** A narrow table goes without it, the lowest number first; one without a number is always there. */
  readonly goes?: number
  /** How a cell looks on a terminal with colours; what it makes of a text is as wide as the text. */
  readonly paint?: (cell: string) => string
}

const gap = "   "
const indent = "  "
/** Sentences are not wrapped into a column that is narrower. */
const leastWords = 30
/** Nothing is wrapped into less. */
const leastWidth = 8

/** A cell that stands in a column. */
interface Cell {
  readonly text: string
  readonly column: Column | undefined
}

const padded = (cells: ReadonlyArray<Cell>, widths: ReadonlyArray<number>): string =>
  cells
    .map(({ column, text }, at) => {
      const painted = text === column?.heading ? text : (column?.paint?.(text) ?? text)
      return painted + " ".repeat(Math.max(0, (widths[at] ?? 0) - text.length))
    })
    .join(gap)
    .trimEnd()

/** A word in pieces that fit. */
const pieces = (word: string, width: number): ReadonlyArray<string> =>
  Array.from({ length: Math.max(1, Math.ceil(word.length / width)) }, (_, i) => word.slice(i * width, (i + 1) * width))

/** A text as lines of at most this width, broken between words where they fit. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  if (text.length <= width) return [text]
  const room = Math.max(leastWidth, width)
  const lines: Array<string> = []
  for (const piece of text.split(" ").flatMap((word) => pieces(word, room))) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + piece.length > room) lines.push(piece)
    else lines[lines.length - 1] = `${last} ${piece}`
  }
  return lines
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

/** The choices of columns, the last one left out, from all of them to those that are always there. */
const choices = (columns: ReadonlyArray<Column>): ReadonlyArray<ReadonlyArray<number>> => {
  const all = columns.slice(0, -1).map((_, at) => at)
  const going = all
    .filter((at) => columns[at]?.goes !== undefined)
    .sort((one, other) => (columns[one]?.goes ?? 0) - (columns[other]?.goes ?? 0))
  return [0, ...going.map((_, i) => i + 1)].map((many) => all.filter((at) => !going.slice(0, many).includes(at)))
}

/** Cells and words side by side; the words' further lines stand under the first. */
const besides = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  chosen: ReadonlyArray<number>,
  room: number
) => {
  const widths = chosen.map((at) => rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), 0))
  return rows.flatMap((row) =>
    wrap(row.at(-1) ?? "", room).map((words, line) =>
      padded(
        [
          ...chosen.map((at) => ({ text: line === 0 ? (row[at] ?? "") : "", column: columns[at] })),
          { text: words, column: undefined }
        ],
        widths
      )
    )
  )
}

/** Each row in lines of its own: its first cell, the others beside or below it, and its words below. */
const stacked = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  chosen: ReadonlyArray<number>,
  width: number
) => {
  const widths = chosen.map((at) => rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), 0))
  const isNarrow = sum(widths) + gap.length * (chosen.length - 1) > width
  return rows.flatMap((row) => {
    const placed = chosen.map((at) => ({ text: row[at] ?? "", column: columns[at] }))
    const [first, ...others] = placed
    const cells = isNarrow
      ? [...wrap(first?.text ?? "", width), indent + padded(others, widths.slice(1))]
      : [padded(placed, widths)]
    const words = row.at(-1) ?? ""
    const below = words === "-" ? [] : wrap(words, width - indent.length)
    return [...cells, ...below.map((line) => indent + line)]
  })
}

/** The lines of a table with its heading; each row has a cell for each column. An infinite width wraps nothing. */
export const layOut = (
  columns: ReadonlyArray<Column>,
  cells: ReadonlyArray<ReadonlyArray<string>>,
  width: number
): ReadonlyArray<string> => {
  const rows = [columns.map(({ heading }) => heading), ...cells]
  const widest = columns.map((_, at) => rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), 0))
  const words = Math.min(widest.at(-1) ?? 0, leastWords)
  const taken = (chosen: ReadonlyArray<number>) => sum(chosen.map((at) => (widest[at] ?? 0) + gap.length))
  const wide = choices(columns).find((chosen) => taken(chosen) + words <= width)
  if (wide !== undefined) return besides(columns, rows, wide, width - taken(wide))
  const fitting = choices(columns).find((chosen) => taken(chosen) - gap.length <= width)
  return stacked(columns, rows, fitting ?? choices(columns).at(-1) ?? [], width)
}
