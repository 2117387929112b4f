/**
 * One worker thread: it is asked for seeds, one at a time, and answers what came of each. A story runs here whole, so
 * that several threads are several processors' work, and so that the thread that prints stays free to be interrupted.
 * What crosses between the threads is plain data. A seed that is run twice has to come out the same to the byte; where
 * it does not, that is a crash of the simulation.
 */
import { parentPort, workerData } from "node:worker_threads"
import { Effect } from "effect"
import { simulationBegins } from "../../testing/parts/ClusterParts.ts"
import { drawStory, type Knobs } from "../../testing/story/drawStory.ts"
import { explain, findingOf } from "../../testing/story/explain.ts"
import type { Story } from "../../testing/story/Story.ts"
import { type RunOptions, runStory, type Verdict } from "../../testing/story/simulate.ts"
import { timelinePage } from "./timelinePage.ts"

/** What a worker is asked. */
export type Question =
  | { readonly _tag: "Run"; readonly seed: number; readonly twice: boolean }
  | { readonly _tag: "Explain"; readonly seed: number; readonly replay: string }

/** How a seed ended. */
export interface SeedResult {
  readonly seed: number
  readonly verdict: Verdict["_tag"]
  /** The invariant that broke; empty where none did. */
  readonly name: string
  /** What was found, in a line. */
  readonly finding: string
  readonly digest: string
  readonly steps: number
  readonly ranTwice: boolean
  /** False where two runs differed: a story that is another one each time cannot be shrunk. */
  readonly isRepeatable: boolean
  /** The events, where they were asked for. */
  readonly lines: ReadonlyArray<string>
  /** The story's page, where it was asked for. */
  readonly page?: string
}

/** What a worker says. Shares are of the story that runs, from 0 to 1. */
export type Answer =
  | { readonly _tag: "Share"; readonly share: number }
  | { readonly _tag: "Ran"; readonly result: SeedResult }
  | { readonly _tag: "Explained"; readonly text: string }

/** What a worker is started with. */
export interface Assignment {
  readonly role: "certlet seeds"
  readonly knobs: Knobs
  /** Every event is wanted, in a line. */
  readonly trace: boolean
  /** A page of each story is wanted; it says that this command draws it again. */
  readonly drawnBy: string | undefined
}

/** More events than there are in any story. */
const allEvents = 10_000_000

const isAssignment = (data: unknown): data is Assignment =>
  typeof data === "object" && data !== null && "role" in data && data.role === "certlet seeds"

/** True in a thread that was started to serve seeds. */
export const isSeedWorker = isAssignment(workerData)

const say = (answer: Answer): void => parentPort?.postMessage(answer)

/** Says how far a story is, ten times a second at most. */
const sayShares = (story: Story): RunOptions["watch"] => {
  let saidAt = performance.now()
  return ({ at }) => {
    if (performance.now() - saidAt < 100) return
    saidAt = performance.now()
    say({ _tag: "Share", share: Math.min(1, (at - simulationBegins) / story.millis) })
  }
}

/** Where two runs part, as far back as their events are kept. */
const differenceOf = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): string => {
  const at = one.findIndex((line, i) => line !== other[i])
  if (at < 0) return "the events are the same, what is left on disks or at the API server is not"
  return `${JSON.stringify(one[at])}, and ${JSON.stringify(other[at] ?? "nothing")}`
}

const runSeed = Effect.fnUntraced(function* (
  { drawnBy, knobs, trace }: Assignment,
  options: RunOptions,
  seed: number,
  twice: boolean
): Effect.fn.Return<SeedResult> {
  const story = drawStory(seed, knobs, options.ownFaults)
  const watch = sayShares(story)
  const run = runStory(story, {
    ...options,
    ...(watch === undefined ? {} : { watch }),
    ...(trace || drawnBy !== undefined ? { traceEvents: allEvents } : {})
  })
  const outcome = yield* run
  const again = twice ? yield* run : outcome
  const { digest, outcome: verdict, steps } = outcome
  const name = verdict._tag === "passed" || verdict._tag === "crash" ? "" : verdict.broken.name
  const told = { story, told: outcome.told(), holds: verdict._tag === "passed", finding: findingOf(verdict) }
  const result = {
    seed,
    verdict: verdict._tag,
    name,
    finding: findingOf(verdict),
    digest,
    steps,
    ranTwice: twice,
    lines: trace ? outcome.lines() : [],
    ...(drawnBy === undefined ? {} : { page: timelinePage({ ...told, replay: drawnBy }) })
  }
  if (digest === again.digest) return { ...result, isRepeatable: true }
  const finding = `run twice, it came out in two ways: ${differenceOf(outcome.lines(), again.lines())}`
  return { ...result, verdict: "crash", name: "two ways", finding, isRepeatable: false }
})

const answer = (assignment: Assignment, options: RunOptions, question: Question): Effect.Effect<Answer> =>
  question._tag === "Run"
    ? Effect.map(runSeed(assignment, options, question.seed, question.twice), (result) => ({ _tag: "Ran", result }))
    : Effect.map(
        explain(drawStory(question.seed, assignment.knobs, options.ownFaults), options, question.replay),
        (text) => ({
          _tag: "Explained",
          text
        })
      )

/** Answers questions until the thread is ended. `options` are part of every run: layers, invariants. */
export const serveSeeds = (options: RunOptions = {}): void => {
  if (!isAssignment(workerData)) return
  const assignment = workerData
  parentPort?.on("message", (question: Question) => {
    Effect.runFork(Effect.map(answer(assignment, options, question), say))
  })
}
