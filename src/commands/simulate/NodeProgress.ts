/**
 * How far a simulation is, for whoever looks: a bar that is drawn over itself on a terminal, a plain line at every
 * tenth elsewhere. It goes to the standard error stream, so that the standard output holds results only.
 */
import { Console, Effect } from "effect"

const width = 40

const bar = (share: number, words: string): string => {
  const full = Math.round(share * width)
  return `\r[${"#".repeat(full)}${".".repeat(width - full)}] ${Math.floor(share * 100)} % ${words}\u001b[K`
}

/** What shows progress. */
export interface Progress {
  /** Shows a share from 0 to 1, with some words. */
  readonly show: (share: number, words: string) => Effect.Effect<void>
  /** Makes room for a line of results; what was shown is shown again with the next share. */
  readonly clear: Effect.Effect<void>
}

const write = (text: string) => Effect.sync(() => void process.stderr.write(text))

const onTerminal: Progress = {
  show: (share, words) => write(bar(share, words) + (share >= 1 ? "\n" : "")),
  clear: write("\r\u001b[K")
}

/** A bar, or lines. */
export const makeProgress = (): Progress => {
  if (process.stderr.isTTY) return onTerminal
  let tenths = 0
  return {
    show: (share, words) =>
      Effect.suspend(() => {
        if (Math.floor(share * 10) <= tenths) return Effect.void
        tenths = Math.floor(share * 10)
        return Console.error(`${tenths * 10} % ${words}`)
      }),
    clear: Effect.void
  }
}
