/**
 * `certlet simulate` without a report: what it prints and how it ends. Mistakes are brought in through the threads that
 * run the stories, in the place where certlet's own thread stands, so that everything else is what a user runs.
 */
import { describe, expect, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { command } from "../../../src/commands/command.ts"
import { tellStories } from "../../../src/commands/simulate/NodeStories.ts"
import { knobsOf, type Order, type StoriesOrder, storiesLine } from "../../../src/commands/simulate/Order.ts"
import { meaninglessIn, orderOf, simulateFlags } from "../../../src/commands/simulate/simulateFlags.ts"
import { Faults } from "../../../src/testing/levers/Faults.ts"
import { certlet } from "../../kit/certlet.ts"
import { answered } from "../../kit/commandLine.ts"

const order: StoriesOrder = {
  kind: "stories",
  seed: 3,
  seeds: 1,
  jobs: 1,
  faults: "none",
  nodes: 1,
  pods: 1,
  days: undefined,
  trace: false,
  html: undefined
}

const address = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)

/** A thread that runs stories with a mutant. */
const threadWith = (mutant: string): string => {
  const code = `
    import { serveSeeds } from ${address("../../../src/commands/simulate/NodeSeedWorker.ts")}
    import { mistakes } from ${address("./mistakes.ts")}
    serveSeeds(mistakes[${JSON.stringify(mutant)}])`
  return `data:text/javascript,${encodeURIComponent(code)}`
}

/** Runs an order with a mutant; what it printed, and how it ended. */
const told = Effect.fnUntraced(function* (order: StoriesOrder, mutant = "") {
  const printed = { out: [""], err: [""] }
  const keep = (stream: keyof typeof printed) => (text: string) => void printed[stream].push(text)
  const console = { ...globalThis.console, log: keep("out"), error: keep("err") }
  const code = yield* tellStories(order, threadWith(mutant)).pipe(Effect.provideService(Console.Console, console))
  return { code, out: printed.out.join("\n"), err: printed.err.join("\n") }
})

// Threads are started and stories run in them: on a busy machine that takes its time.
describe("certlet simulate", { timeout: 120_000 }, () => {
  it.live.each([
    { mutant: "", code: 0, says: /^3 stories: 3 hold; 1 ran twice and came out the same$/m },
    { mutant: "noIssuer", code: 1, says: /story 3 crashes\n +Error: out of paper[\s\S]*3 stories: 0 hold, 3 crash/ },
    {
      mutant: "otherKeysEachTime",
      code: 1,
      says: /seed 3 {2}crash {2}run twice, it came out in two ways: [\s\S]*2 hold, 1 crash; 0 ran/
    },
    { mutant: "silentIssuer", code: 2, says: /story \d breaks liveness: [\s\S]*3 stories: \d hold, \d break liveness/ },
    { mutant: "noKeyInTheFiles", code: 3, says: /story 3 breaks safety: [\s\S]*3 stories: 0 hold, 3 break safety/ }
  ])("ends with $code where there is $mutant", ({ code, mutant, says }) =>
    Effect.gen(function* () {
      const run = yield* told({ ...order, seeds: 3 }, mutant)
      expect(run.code).toBe(code)
      expect(run.out).toMatch(says)
      if (code !== 0 && mutant !== "otherKeysEachTime")
        expect(run.out).toMatch(/^Again: certlet simulate \d --nodes 1 --pods 1 --faults none$/m)
    })
  )

  it.live(
    "says the same in the same order however many threads there are, and runs the first of twenty twice",
    () =>
      Effect.gen(function* () {
        const many = { ...order, seeds: 21 }
        const alone = yield* told(many, "noKeyInTheThirdFiles")
        const together = yield* told({ ...many, jobs: 3 }, "noKeyInTheThirdFiles")
        expect(together.out).toBe(alone.out)
        expect(alone.code).toBe(3)
        const broken = [...alone.out.matchAll(/^seed (\d+) {2}safety {2}\S+/gm)].map(([, seed]) => Number(seed))
        expect(broken.length).toBeGreaterThan(1)
        expect(broken).toEqual(broken.toSorted((one, other) => one - other))
        expect(alone.out).toMatch(/21 stories: .*; 2 ran twice and came out the same\n\d+ events, digest [0-9a-f]{64}$/)
        expect(alone.err).toMatch(/100 % of 21 stories, \d+ broken\n.* stories and .* events a second$/)
      }),
    600_000
  )

  it.live("shows every knob first, and a story's events where they are asked for", () =>
    Effect.gen(function* () {
      const { out } = yield* told({ ...order, trace: true })
      const [line, head] = out.trim().split("\n")
      expect(line).toBe("certlet simulate 3 --nodes 1 --pods 1 --faults none")
      expect(head).toMatch(/^1 node, faults for .* Ed25519 keys; the kubelet looks every .*$/)
      expect(out).toMatch(/^ +1 +0d 00:00:00\.000 {2}node-1 {2}certlet +starts, life 1$/m)
      expect(out).toMatch(/story +the time to converge is over\n/)
    })
  )

  it.live("is a program: it ends with the code, and the line that it prints repeats it to the byte", () =>
    Effect.gen(function* () {
      const run = (args: ReadonlyArray<string>) => certlet(["simulate", ...args])
      const first = yield* run(["--pods", "1", "--faults", "none"])
      expect(first.code).toBe(0)
      const [line = ""] = first.stdout.split("\n")
      expect(line).toMatch(/^certlet simulate \d+ --pods 1 --faults none$/)
      const again = yield* run(line.split(" ").slice(2))
      expect(again.stdout).toBe(first.stdout)
    })
  )
})

/** What a command line orders, or how it is refused. */
const ordered = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const orders: Array<Order> = []
  const simulate = command("simulate", {
    description: "Simulates",
    examples: [],
    flags: simulateFlags,
    mistakesAmong: (given) => Effect.succeed(meaninglessIn(given)),
    does: (given) => Effect.map(orderOf(given), (order) => void orders.push(order))
  })
  const tree = Command.make("certlet").pipe(Command.withSubcommands([simulate]))
  const { code, stderr } = yield* answered(tree, ["simulate", ...args])
  return { code, stderr, order: orders[0] }
})

describe("the command line of simulate", () => {
  it.live.each([
    { args: ["--faults", "swarm", "--outage", "1h"], names: "--outage" },
    { args: ["--renew-before", "1h"], names: "--renew-before" },
    { args: ["--report", "x.html", "--seeds", "3"], names: "--seeds" },
    { args: ["--report", "x.html", "--jobs", "3"], names: "--jobs" },
    { args: ["--report", "x.html", "--faults", "none"], names: "--faults" },
    { args: ["--report", "x.html", "--trace"], names: "--trace" },
    { args: ["--seeds", "2", "--trace"], names: "--trace" },
    { args: ["--faults", "killsPerday"], names: "the nearest is killsPerDay" },
    { args: ["--faults", "killsPerDay,swam"], names: 'there is no "swam", the nearest is swarm' },
    { args: ["--faults", "none,killsPerDay"], names: "none stands alone" },
    { args: ["--seeds", "0"], names: "--seeds" },
    { args: ["forty-two"], names: "seed" }
  ])("refuses $args with 64 and names $names", ({ args, names }) =>
    Effect.gen(function* () {
      const { code, order, stderr } = yield* ordered(...args)
      expect({ code, order }).toEqual({ code: 64, order: undefined })
      expect(stderr[0]).toContain(names)
    })
  )

  it.live("tells every knob that has no meaning in what was ordered", () =>
    Effect.gen(function* () {
      const { stderr } = yield* ordered("--outage", "1h", "--issuer-rate", "5", "--seeds", "2", "--trace")
      expect(stderr).toEqual([
        expect.stringMatching(/^certlet: --issuer-rate is for a fleet/),
        expect.stringMatching(/^certlet: --outage is for a fleet/),
        "certlet: --trace shows a single story; leave --seeds out",
        "See certlet simulate --help"
      ])
    })
  )

  it.live("makes an order with every knob", () =>
    Effect.gen(function* () {
      expect(
        (yield* ordered("7", "--seeds", "3", "--jobs", "8", "--days", "2", "--faults", "cutsPerDay")).order
      ).toEqual({
        kind: "stories",
        seed: 7,
        seeds: 3,
        jobs: 8,
        faults: "cutsPerDay",
        nodes: undefined,
        pods: undefined,
        days: 2,
        trace: false
      })
      expect((yield* ordered()).order).toMatchObject({ kind: "stories", seeds: 1, faults: "swarm" })
      expect((yield* ordered("--report", "x.html", "--outage", "1h")).order).toMatchObject({
        kind: "fleet",
        outageSeconds: 3600
      })
    })
  )

  it("fixes in a story what was given, and nothing else", () => {
    expect(knobsOf({ ...order, faults: "swarm", nodes: undefined, pods: undefined })).toEqual({})
    expect(knobsOf({ ...order, days: 2 })).toEqual({ nodes: 1, pods: 1, days: 2, faults: Faults.none })
    expect(knobsOf({ ...order, faults: "cutsPerDay" }).faults).toEqual(Faults.named(["cutsPerDay"]))
    expect(storiesLine({ ...order, seeds: 5, jobs: 2 })).toBe(
      "certlet simulate 3 --seeds 5 --nodes 1 --pods 1 --faults none"
    )
  })
})
