/**
 * What came of many stories: how many held, which broke what, and one digest over all of them, so that two runs of the
 * same seeds can be compared by a line. Results are added in the order of their seeds. Pure.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import type { SeedResult } from "./NodeSeedWorker.ts"

const severities = ["passed", "crash", "liveness", "safety"] as const

/** Counts of stories. */
export class Tally {
  stories = 0
  steps = 0
  ranTwice = 0
  readonly #counts = { passed: 0, crash: 0, liveness: 0, safety: 0 }
  readonly #firsts = new Map<string, SeedResult>()
  readonly #hash = sha256.create()

  /** Takes a result in. */
  readonly add = (result: SeedResult): void => {
    const { digest, isRepeatable, name, ranTwice, seed, steps, verdict } = result
    this.stories += 1
    this.steps += steps
    if (ranTwice && isRepeatable) this.ranTwice += 1
    this.#counts[verdict] += 1
    this.#hash.update(new TextEncoder().encode(`${seed} ${verdict} ${digest}\n`))
    const kind = `${verdict} ${name}`
    if (verdict !== "passed" && !this.#firsts.has(kind)) this.#firsts.set(kind, result)
  }

  get broken(): number {
    return this.stories - this.#counts.passed
  }

  /** The worst that was seen. */
  get worst(): (typeof severities)[number] {
    return severities.findLast((severity) => this.#counts[severity] > 0) ?? "passed"
  }

  /** The first story of each kind that broke. */
  get firsts(): ReadonlyArray<SeedResult> {
    return [...this.#firsts.values()]
  }

  /** The end of a run, in two lines that depend on nothing but the stories. */
  get summary(): string {
    const { crash, liveness, passed, safety } = this.#counts
    const counts = [
      `${passed} hold`,
      ...(safety > 0 ? [`${safety} break safety`] : []),
      ...(liveness > 0 ? [`${liveness} break liveness`] : []),
      ...(crash > 0 ? [`${crash} crash`] : [])
    ]
    const stories = `${this.stories} ${this.stories === 1 ? "story" : "stories"}`
    return [
      `${stories}: ${counts.join(", ")}; ${this.ranTwice} ran twice and came out the same`,
      `${this.steps} events, digest ${bytesToHex(this.#hash.clone().digest())}`
    ].join("\n")
  }

  /** How fast it went. */
  readonly pace = (seconds: number, jobs: number): string => {
    const events = `${Math.round(this.steps / seconds)} events a second`
    const threads = `${jobs} ${jobs === 1 ? "thread" : "threads"}`
    const rates = this.stories === 1 ? events : `${(this.stories / seconds).toFixed(1)} stories and ${events}`
    return `${seconds.toFixed(1)} s on ${threads}: ${rates}`
  }
}
