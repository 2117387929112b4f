/**
 * The fuzzer: inputs from seeds for every reader of what others write, each answered in bounded time and memory.
 *
 *     npm run fuzz -- --minutes 10                 all targets in turn, from a random seed, which is printed first
 *     npm run fuzz -- --seed 42 --target pem       one input again
 *
 * A finding is printed with the line that brings it back, and ends the run with 1. A finding becomes a test:
 * `findings.ts`.
 */
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import { targets } from "./targets.ts"

/** One input for one target: what the seed makes, or these very bytes. */
export interface Case {
  readonly target: string
  readonly seed: number
  readonly input?: Uint8Array
}

/** What the worker says after each case. */
export interface Word {
  readonly length: number
  /** Processor time. */
  readonly millis: number
  readonly thrown?: string
}

/** A case that broke a law, and how. */
export interface Finding extends Case {
  readonly what: string
}

/** A longer silence is a hang. No input takes a second, but a machine may be busy with a hundred other things. */
const silenceMillis = 60_000
/** Processor time of one input: far above what is needed, and far below what a pattern that backtracks takes. */
const mostMillis = 1500
const resourceLimits = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 64 }

const wrongWith = ({ length, millis, thrown }: Word): string | undefined => {
  if (thrown !== undefined) return thrown
  return millis > mostMillis ? `took ${Math.round(millis)} ms of processor time for ${length} bytes` : undefined
}

/** Reads cases in one thread, up to the first that it does not survive; resolves with how many it has read. */
const readSome = (
  cases: ReadonlyArray<Case>,
  find: (one: Case, what: string) => void,
  hear: (one: Case, word: Word) => void
): Promise<number> =>
  new Promise((resolve) => {
    let read = 0
    const next = (what: string) => {
      const one = cases[read++]
      if (one !== undefined) find(one, what)
    }
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: cases, resourceLimits })
    const hangs = () => {
      next(`no answer within ${silenceMillis / 1000} s`)
      void worker.terminate()
    }
    let timer = setTimeout(hangs, silenceMillis)
    worker.on("message", (word: Word) => {
      clearTimeout(timer)
      timer = setTimeout(hangs, silenceMillis)
      const one = cases[read]
      if (one !== undefined) hear(one, word)
      const what = wrongWith(word)
      if (what === undefined) read++
      else next(what)
    })
    worker.on("error", (error) => next(`the thread died: ${error}`))
    worker.on("exit", () => {
      clearTimeout(timer)
      resolve(read)
    })
  })

/** So many findings end a reading: each may cost a minute of silence. */
const enough = 3

/** Reads all cases; resolves with those that broke a law. `hear` is told how each case went that was survived. */
export const readAll = async (
  cases: ReadonlyArray<Case>,
  hear: (one: Case, word: Word) => void = () => undefined
): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  for (let read = 0; read < cases.length && findings.length < enough; ) {
    const some = await readSome(cases.slice(read), (one, what) => findings.push({ ...one, what }), hear)
    if (some === 0) throw new Error("the fuzzer's thread reads nothing")
    read += some
  }
  return findings
}

/** Cases of these targets from a seed on: each target gets `count` of them. */
export const casesOf = (names: ReadonlyArray<string>, from: number, count: number): ReadonlyArray<Case> =>
  Array.from({ length: count }, (_, index) => from + index).flatMap((seed) => names.map((target) => ({ target, seed })))

const shown = ({ seed, target, what }: Finding): string =>
  `${what}\n  npm run fuzz -- --seed ${seed} --target ${target}`

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { minutes: { type: "string", default: "1" }, seed: { type: "string" }, target: { type: "string" } }
  })
  const names = values.target === undefined ? Object.keys(targets) : [values.target]
  const unknown = names.find((name) => !Object.hasOwn(targets, name))
  if (unknown !== undefined) throw new Error(`${unknown} is no target; use ${Object.keys(targets).join(", ")}`)
  const once = values.seed !== undefined
  const first = once ? Number(values.seed) : randomInt(2 ** 31)
  const count = once ? 1 : 100
  console.log(`fuzzing ${names.join(", ")} from seed ${first}`)
  const end = Date.now() + Number(values.minutes) * 60_000
  let [read, found] = [0, 0]
  for (let from = first; ; from += count) {
    const cases = casesOf(names, from, count)
    const findings = await readAll(cases)
    for (const finding of findings) console.log(shown(finding))
    read += cases.length
    found += findings.length
    if (once || Date.now() > end) break
  }
  console.log(`${read} inputs, ${found} findings`)
  process.exitCode = found === 0 ? 0 : 1
}

if (import.meta.main) await main()
