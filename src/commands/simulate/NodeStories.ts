/**
 * Stories from the command line: prints every knob first, runs the seeds on several threads, and says in the order of
 * the seeds what broke. What goes to the standard output depends on nothing but the order: not on how many threads
 * there are, nor on how fast they are. Of each invariant that broke, the first story is shrunk and told.
 */
import { availableParallelism } from "node:os"
import { Console, Duration, Effect, Stream } from "effect"
import { paintFor } from "../../observability/NodePaint.ts"
import { drawStory } from "../../testing/story/drawStory.ts"
import { describeStory } from "../../testing/story/explain.ts"
import { beginPage } from "./NodePage.ts"
import { makeProgress } from "./NodeProgress.ts"
import { type Ask, makeSeedPool } from "./NodeSeedPool.ts"
import type { SeedResult } from "./NodeSeedWorker.ts"
import { knobsOf, type StoriesOrder, storiesLine } from "./Order.ts"
import { Tally } from "./Tally.ts"

/** Of so many stories in a row the first is run twice. */
const twiceEvery = 20
/** So many broken stories are told at most. */
const mostTold = 5
const paint = paintFor("stdout")

const exitCodes = { passed: 0, crash: 1, liveness: 2, safety: 3 } as const

/** How far a run is: whole stories, and the parts of those that run. */
const makeWatch = Effect.fnUntraced(function* (order: StoriesOrder, tally: Tally) {
  const progress = makeProgress()
  const run = Effect.runSyncWith(yield* Effect.context<never>())
  const parts = new Map<number, number>()
  const told = () => {
    const begun = [...parts.values()].reduce((sum, share) => sum + share, 0)
    const broken = tally.broken === 0 ? "" : `, ${tally.broken} broken`
    return progress.show(
      Math.min(1, (tally.stories + begun) / order.seeds),
      `of ${order.seeds === 1 ? "the story" : `${order.seeds} stories`}${broken}`
    )
  }
  return {
    clear: progress.clear,
    part: (seed: number, share: number) => {
      parts.set(seed, share)
      run(told())
    },
    done: (seed: number) =>
      Effect.suspend(() => {
        parts.delete(seed)
        return told()
      })
  }
})

type Watch = Effect.Success<ReturnType<typeof makeWatch>>

const runSeed = (ask: Ask, order: StoriesOrder, seed: number, watch: Watch) =>
  ask({ _tag: "Run", seed, twice: (seed - order.seed) % twiceEvery === 0 }, (share) => watch.part(seed, share)).pipe(
    Effect.map((answer) => (answer._tag === "Ran" ? answer.result : undefined)),
    Effect.catch((error) => Effect.succeed(lost(seed, error.message)))
  )

/** What is known of a seed whose thread has died. */
const lost = (seed: number, finding: string): SeedResult => ({
  seed,
  verdict: "crash",
  name: "",
  finding,
  digest: "",
  steps: 0,
  ranTwice: false,
  isRepeatable: true,
  lines: []
})

/** A story alone, on a command line. */
const replayOf = (order: StoriesOrder, seed: number): string => storiesLine({ ...order, seed, seeds: 1 })

const explainAll = (ask: Ask, order: StoriesOrder, jobs: number, broken: ReadonlyArray<SeedResult>) =>
  Effect.forEach(
    broken.filter(({ isRepeatable }) => isRepeatable).slice(0, mostTold),
    ({ seed }) =>
      ask({ _tag: "Explain", seed, replay: replayOf(order, seed) }, () => undefined).pipe(
        Effect.map((answer) => (answer._tag === "Explained" ? answer.text : "")),
        Effect.catch((error) => Effect.succeed(`seed ${seed} cannot be shrunk: ${error.message}`))
      ),
    { concurrency: jobs }
  )

const introduce = (order: StoriesOrder): ReadonlyArray<string> =>
  order.seeds === 1
    ? [storiesLine(order), ...describeStory(drawStory(order.seed, knobsOf(order)))]
    : [storiesLine(order)]

/** Tells the stories of an order; `entry` is the file that the threads run. Comes back with the exit code. */
export const tellStories = Effect.fnUntraced(function* (order: StoriesOrder, entry: string) {
  yield* Effect.forEach(introduce(order), (line) => Console.log(line))
  const { html, trace } = order
  const page = html === undefined ? undefined : yield* beginPage("html", html)
  const jobs = Math.min(order.seeds, order.jobs ?? availableParallelism())
  const ask = yield* makeSeedPool(entry, jobs, {
    role: "certlet seeds",
    knobs: knobsOf(order),
    trace,
    drawnBy: html === undefined ? undefined : `${storiesLine(order)} --html ${html}`
  })
  const tally = new Tally()
  const watch = yield* makeWatch(order, tally)
  const run = Stream.range(order.seed, order.seed + order.seeds - 1).pipe(
    Stream.mapEffect((seed) => runSeed(ask, order, seed, watch), { concurrency: jobs }),
    Stream.runForEach((result) =>
      Effect.gen(function* () {
        if (result === undefined) return
        tally.add(result)
        if (result.lines.length > 0 || result.verdict !== "passed") yield* watch.clear
        yield* Effect.forEach(result.lines, (line) => Console.log(line))
        if (result.verdict !== "passed") {
          yield* Console.log(`seed ${result.seed}  ${paint("red", result.verdict)}  ${result.finding}`)
        }
        yield* watch.done(result.seed)
        if (result.page !== undefined) yield* page?.write(result.page) ?? Effect.void
      })
    )
  )
  const [took] = yield* Effect.timed(run)
  const texts = yield* explainAll(ask, order, jobs, tally.firsts)
  yield* Effect.forEach(texts, (text) => Console.log(`\n${text}\n`))
  yield* Console.log(paint(tally.worst === "passed" ? "green" : "red", tally.summary))
  if (page !== undefined) yield* Console.log(`written: ${page.address}`)
  yield* Console.error(tally.pace(Duration.toSeconds(took), jobs))
  return exitCodes[tally.worst]
}, Effect.scoped)
