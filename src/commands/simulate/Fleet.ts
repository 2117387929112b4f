/**
 * A fleet: tens of thousands of pods over months, as far as load and lifetimes are concerned. What decides is
 * certlet's own code, called as it is: `renewalTime` says when a certificate is due and `pauseAfter` how long a
 * failure rests, with real draws of jitter. What is modelled is everything around it: the order of a volume's life
 * (held to the real `Renewals` by a test), an API server that always answers, and an issuer that signs so many a
 * second, in order. Nothing is signed and no file is written here: a fleet says nothing about keys, certificates,
 * mounts, crashes or watches. For those there is `SimCluster`.
 */
import { DateTime, Duration, Option } from "effect"
import { pauseAfter } from "../../driver/Backoff.ts"
import { renewalTime } from "../../issuance/RenewalTime.ts"
import { Agenda, bytesPerEntry } from "./Agenda.ts"

/** How a fleet is to be. */
export interface FleetPlan {
  readonly nodes: number
  readonly pods: number
  readonly days: number
  /** The lifetime that every pod asks for and gets. */
  readonly duration: Duration.Duration
  readonly renewBefore: Option.Option<Duration.Duration>
  /** The time within which all nodes are started, one after the other, each with all its pods. */
  readonly rollout: Duration.Duration
  /** How many certificates the issuer signs in a second. */
  readonly issuerRate: number
  readonly outage: Outage
  /**
   * Without jitter every certificate is renewed at the last moment that `renewalTime` allows, and pauses are not
   * drawn.
   */
  readonly jitter: boolean
}

/** When the issuer is away. One that stalls signs what is waiting when it is back; one that fails refuses at once. */
interface Outage {
  /** From the start of the fleet. */
  readonly at: Duration.Duration
  readonly lasts: Duration.Duration
  readonly kind: "stalls" | "fails"
}

/** What hears of everything that happens in a fleet. Instants are milliseconds since 1970. */
export interface FleetLog {
  /** A CertificateRequest was created. */
  readonly created: (pod: number, now: number) => void
  /** A CertificateRequest was deleted. */
  readonly deleted: (now: number) => void
  readonly signed: (now: number) => void
  readonly refused: (now: number) => void
  /** A successor is in place; its predecessor had this much life left, below 0 where it had expired. */
  readonly swapped: (remainingMillis: number) => void
  /** A look at all pods: when the certificate of each ends, 0 where it has none. */
  readonly sample: (now: number, notAfter: Float64Array) => void
}

/** From a request's creation to an idle issuer's signature. */
const latencyMillis = 20
/** A kubelet starts the pods of a node one after the other: this far apart. */
const podStartMillis = 1000
/** When a fleet begins, in milliseconds since 1970: 2026-01-01, for a certificate has real dates. */
export const fleetStart = 1_767_225_600_000

const begins = 0
const signed = 1
const failed = 2

/** A fleet on its way through time. All instants are milliseconds since 1970. */
export class Fleet {
  readonly plan: FleetPlan
  readonly #log: FleetLog
  readonly #draw: () => number
  readonly #agenda: Agenda
  /** What a pod's next event is. */
  readonly #step: Uint8Array
  /** The end of the certificate that a pod holds; 0 where it has none yet. */
  readonly #notAfter: Float64Array
  readonly #failures: Uint16Array
  readonly #outage: { readonly from: number; readonly to: number }
  /** When the issuer has signed everything that was asked of it so far. */
  #issuerFree = fleetStart
  /** How many events have happened. */
  events = 0

  /** A fleet of this plan; `draw` gives numbers from [0, 1). */
  constructor(plan: FleetPlan, log: FleetLog, draw: () => number) {
    this.plan = plan
    this.#log = log
    this.#draw = draw
    this.#agenda = new Agenda(plan.pods)
    this.#step = new Uint8Array(plan.pods)
    this.#notAfter = new Float64Array(plan.pods)
    this.#failures = new Uint16Array(plan.pods)
    const from = fleetStart + Duration.toMillis(plan.outage.at)
    this.#outage = { from, to: from + Duration.toMillis(plan.outage.lasts) }
    const perNode = Duration.toMillis(plan.rollout) / plan.nodes
    for (let pod = 0; pod < plan.pods; pod++) {
      const start = (pod % plan.nodes) * perNode + Math.floor(pod / plan.nodes) * podStartMillis
      this.#agenda.add(fleetStart + Math.floor(start), pod)
    }
  }

  /** What this fleet keeps of each pod, in bytes. */
  get bytesPerPod(): number {
    const kept = [this.#step, this.#notAfter, this.#failures].map(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT)
    return kept.reduce((sum, bytes) => sum + bytes, bytesPerEntry)
  }

  /** Lets everything happen that is due before an instant. */
  advance(until: number): void {
    while (this.#agenda.next < until) {
      const now = this.#agenda.next
      const pod = this.#agenda.take()
      this.events += 1
      const step = this.#step[pod]
      if (step === begins) this.#begin(pod, now)
      else if (step === signed) this.#conclude(pod, now)
      else this.#setBack(pod, now)
    }
    this.#log.sample(until, this.#notAfter)
  }

  #await(pod: number, step: number, instant: number): void {
    this.#step[pod] = step
    this.#agenda.add(instant, pod)
  }

  /** An attempt: what a failed one left is deleted, and a request is created. */
  #begin(pod: number, now: number): void {
    if ((this.#failures[pod] ?? 0) > 0) this.#log.deleted(now)
    this.#log.created(pod, now)
    const isAway = now >= this.#outage.from && now < this.#outage.to
    if (isAway && this.plan.outage.kind === "fails") this.#await(pod, failed, now + latencyMillis)
    else this.#queue(pod, now)
  }

  /** The issuer signs in order, one after the other, and nothing while it is away. */
  #queue(pod: number, now: number): void {
    const free = Math.max(now + latencyMillis, this.#issuerFree)
    const start = free >= this.#outage.from && free < this.#outage.to ? this.#outage.to : free
    this.#issuerFree = start + 1000 / this.plan.issuerRate
    this.#await(pod, signed, start)
  }

  /**
   * The certificate is in place; its predecessor's request is deleted, and the next one is due when `renewalTime`
   * says.
   */
  #conclude(pod: number, now: number): void {
    const held = this.#notAfter[pod] ?? 0
    this.#log.signed(now)
    if (held > 0) {
      this.#log.deleted(now)
      this.#log.swapped(held - now)
    }
    const { duration, jitter, renewBefore } = this.plan
    // X.509 counts whole seconds, and so does an issuer.
    const notBefore = DateTime.makeUnsafe(now - (now % 1000))
    const notAfter = DateTime.addDuration(notBefore, duration)
    const draw = jitter ? this.#draw() : 0
    const wish = Option.map(renewBefore, (time) => ({ time }))
    const due = renewalTime({ notBefore, notAfter }, wish, draw, DateTime.makeUnsafe(now))
    this.#notAfter[pod] = DateTime.toEpochMillis(notAfter)
    this.#failures[pod] = 0
    this.#await(pod, begins, DateTime.toEpochMillis(due))
  }

  /** The issuer refused; the pod keeps what it has and rests as long as `pauseAfter` says. */
  #setBack(pod: number, now: number): void {
    const failures = (this.#failures[pod] ?? 0) + 1
    this.#failures[pod] = failures
    this.#log.refused(now)
    const left = (this.#notAfter[pod] ?? 0) - now
    const remaining = left > 0 ? Option.some(Duration.millis(left)) : Option.none()
    const setback = { temper: "transient", failures, remaining, retryAfter: Option.none() } as const
    this.#await(pod, begins, now + Duration.toMillis(pauseAfter(setback, this.plan.jitter ? this.#draw() : 0.5)))
  }
}
