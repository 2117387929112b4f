/**
 * How far a simulation is, for whoever looks: a bar that is drawn over itself on a terminal, a plain line at every tenth
 * elsewhere. It goes to the standard error stream, so that the standard output holds results only.
 */
import { Effect } from "effect"

const width = 40

const bar = (share: number, words: string): string => {
  const full = Math.round(share * width)
  return `\r[${"#".repeat(full)}${".".repeat(width - full)}] ${Math.floor(share * 100)} % ${words}\u001b[K`
}

/** Shows shares from 0 to 1 as they come, with some words. */
export const makeProgress = (): ((share: number, words: string) => Effect.Effect<void>) => {
  let tenths = 0
  return (share, words) =>
    Effect.sync(() => {
      if (process.stderr.isTTY) {
        process.stderr.write(bar(share, words) + (share >= 1 ? "\n" : ""))
      } else if (Math.floor(share * 10) > tenths) {
        tenths = Math.floor(share * 10)
        process.stderr.write(`${tenths * 10} % ${words}\n`)
      }
    })
}
