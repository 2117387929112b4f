/**
 * The thread that reads: it takes one input after the other, hands it to its target, and says after each how much
 * processor time it took. Whoever started it counts the seconds since the last word and the memory, for a reader that
 * hangs or eats can no longer speak.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { Case, Word } from "./fuzz.ts"
import { mutate } from "./mutate.ts"
import { examplesOf, targets } from "./targets.ts"

const cases: ReadonlyArray<Case> = workerData

/** Processor time of this thread, in milliseconds. */
const used = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

const tell = (word: Word) => parentPort?.postMessage(word)

for (const one of cases) {
  const target = targets[one.target]
  if (target === undefined) throw new Error(`there is no target ${one.target}`)
  const input = one.input ?? mutate(one.seed, examplesOf(target))
  const before = used()
  try {
    await target.read(input)
    tell({ length: input.length, millis: used() - before })
  } catch (cause) {
    const thrown = cause instanceof Error ? (cause.stack ?? "") : String(cause)
    tell({ length: input.length, millis: used() - before, thrown })
  }
  // The word must be on its way before the next input may hang.
  await new Promise((resolve) => setImmediate(resolve))
}
