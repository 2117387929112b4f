/**
 * What a fleet's model writes down while it runs: calls by the second, how much of a certificate's life was left when
 * its successor came, and the same over all pods at regular looks. It only counts; it decides nothing. What is read
 * off it afterwards (rates, peaks, quantiles) are plain arrays, ready to be drawn.
 */
import { type ApiLoad, apiLoad, type FleetTotals, requestLife } from "./apiLoad.ts"
import { type FleetLog, type FleetPlan, fleetStart } from "./Fleet.ts"

/** A series over time: the mean, the 99th percentile and the highest of each stretch's seconds. */
export interface Series {
  /** How long each stretch is, in seconds. */
  readonly stretchSeconds: number
  /** When each stretch begins, in days from the start of the fleet. */
  readonly days: ReadonlyArray<number>
  readonly mean: ReadonlyArray<number>
  readonly p99: ReadonlyArray<number>
  readonly peak: ReadonlyArray<number>
}

/** One look at all pods: how much life their certificates have left, in hours. */
export interface Look {
  readonly day: number
  readonly lowest: number
  readonly tenth: number
  readonly median: number
}

const dayMillis = 86_400_000
const hourMillis = 3_600_000
/** Into how many stretches a fleet's whole time is cut. */
export const stretches = 360

/** Calls by the second. Sixteen bits hold what an API server can take in a second many times over. */
class CallsBySecond {
  readonly #seconds: Uint16Array
  total = 0

  constructor(seconds: number) {
    this.#seconds = new Uint16Array(seconds)
  }

  count(now: number): void {
    const second = Math.floor((now - fleetStart) / 1000)
    this.#seconds[second] = (this.#seconds[second] ?? 0) + 1
    this.total += 1
  }

  at(second: number): number {
    return this.#seconds[second] ?? 0
  }
}

/** The record of one fleet. */
export class FleetRecord implements FleetLog {
  readonly #plan: FleetPlan
  readonly #seconds: number
  readonly #creates: CallsBySecond
  readonly #deletes: CallsBySecond
  readonly #signatures: CallsBySecond
  readonly #refusals: CallsBySecond
  readonly #nodeMinute: Int32Array
  readonly #nodeCount: Uint16Array
  readonly looks: Array<Look> = []
  /**
   * The least life that a certificate had left when its successor was in place, in milliseconds; below 0 it had
   * expired.
   */
  lowestMillis = Number.POSITIVE_INFINITY
  /** How many certificates expired before their successors came. */
  expired = 0
  /** The most requests that one node made within a minute. */
  busiestNodeMinute = 0

  constructor(plan: FleetPlan) {
    this.#plan = plan
    this.#seconds = Math.ceil(plan.days * 86_400) + 1
    this.#creates = new CallsBySecond(this.#seconds)
    this.#deletes = new CallsBySecond(this.#seconds)
    this.#signatures = new CallsBySecond(this.#seconds)
    this.#refusals = new CallsBySecond(this.#seconds)
    this.#nodeMinute = new Int32Array(plan.nodes).fill(-1)
    this.#nodeCount = new Uint16Array(plan.nodes)
  }

  created(pod: number, now: number): void {
    this.#creates.count(now)
    const node = pod % this.#plan.nodes
    const minute = Math.floor((now - fleetStart) / 60_000)
    const count = this.#nodeMinute[node] === minute ? (this.#nodeCount[node] ?? 0) + 1 : 1
    this.#nodeMinute[node] = minute
    this.#nodeCount[node] = count
    if (count > this.busiestNodeMinute) this.busiestNodeMinute = count
  }

  deleted(now: number): void {
    this.#deletes.count(now)
  }

  signed(now: number): void {
    this.#signatures.count(now)
  }

  refused(now: number): void {
    this.#refusals.count(now)
  }

  swapped(remainingMillis: number): void {
    if (remainingMillis < this.lowestMillis) this.lowestMillis = remainingMillis
    if (remainingMillis < 0) this.expired += 1
  }

  /** Looks at every pod that has a certificate. */
  sample(now: number, notAfter: Float64Array): void {
    const left = notAfter
      .filter((end) => end > 0)
      .map((end) => (end - now) / hourMillis)
      .sort()
    if (left.length === 0) return
    const quantile = (share: number) => left[Math.floor(share * (left.length - 1))] ?? 0
    const day = (now - fleetStart) / dayMillis
    this.looks.push({ day, lowest: quantile(0), tenth: quantile(0.1), median: quantile(0.5) })
  }

  /** What the record keeps, in bytes: it grows with the time, not with the pods. */
  get bytes(): number {
    return 4 * this.#seconds * Uint16Array.BYTES_PER_ELEMENT
  }

  get totals(): FleetTotals {
    return {
      creates: this.#creates.total,
      deletes: this.#deletes.total,
      signatures: this.#signatures.total,
      refusals: this.#refusals.total
    }
  }

  /** What the fleet is to the API server, as means over the whole time. */
  get apiLoad(): ApiLoad {
    return apiLoad(this.#plan, this.totals)
  }

  /**
   * Requests at the API server in a second: certlet's creates and deletes, and cert-manager's status updates for each
   * answer.
   */
  #atApiServer(second: number): number {
    const answers = this.#signatures.at(second) + this.#refusals.at(second)
    return this.#creates.at(second) + this.#deletes.at(second) + requestLife.statusUpdates * answers
  }

  /** Requests per second at the API server. */
  apiServer(fromDay = 0, toDay = this.#plan.days, count = stretches): Series {
    return this.#series((second) => this.#atApiServer(second), fromDay, toDay, count)
  }

  /** Requests per second that reach the issuer. */
  issuer(fromDay = 0, toDay = this.#plan.days, count = stretches): Series {
    return this.#series((second) => this.#creates.at(second), fromDay, toDay, count)
  }

  #series(at: (second: number) => number, fromDay: number, toDay: number, count: number): Series {
    const first = Math.floor(fromDay * 86_400)
    const stretchSeconds = (Math.min(this.#seconds, toDay * 86_400) - first) / count
    const parts = Array.from({ length: count }, (_, stretch) => {
      const from = first + Math.floor(stretch * stretchSeconds)
      const to = Math.max(from + 1, first + Math.floor((stretch + 1) * stretchSeconds))
      const seconds = Uint32Array.from({ length: to - from }, (_, second) => at(from + second)).sort()
      return {
        day: from / 86_400,
        mean: seconds.reduce((sum, calls) => sum + calls, 0) / seconds.length,
        p99: seconds[Math.ceil(0.99 * seconds.length) - 1] ?? 0,
        peak: seconds[seconds.length - 1] ?? 0
      }
    })
    return {
      stretchSeconds,
      days: parts.map(({ day }) => day),
      mean: parts.map(({ mean }) => mean),
      p99: parts.map(({ p99 }) => p99),
      peak: parts.map(({ peak }) => peak)
    }
  }
}
