/**
 * The judges of a simulation: what must hold at every step, whatever happens, and what must hold again once nothing
 * happens any more. They stand apart from the simulator: each keeps its own books, from the events that the edges tell
 * and from what stands on the disks and at the API server, and none trusts a word of the programs. An invariant has a
 * name and a sentence; a user's own is made in the same way.
 */
import { Cause, Deferred, Effect, type Option, Result, Schema } from "effect"
import type { TrustBundleReference, TrustState } from "../../kube/TrustBundles.ts"
import type { Settings } from "../../Settings.ts"
import type { PodState } from "../../spec/PodState.ts"
import type { PublishSecrets } from "../../spec/VolumeSecrets.ts"
import type { SimApiServer } from "../parts/SimApiServer.ts"
import type { SimNode } from "../parts/SimNode.ts"
import type { SimPod, SimPodVolume } from "../parts/SimPod.ts"
import type { Event } from "../story/Happening.ts"

/** What a judge can look at. */
export interface World {
  /** Simulated time, in milliseconds since 1970. */
  readonly now: number
  /** Every pod that was ever scheduled and is not gone. */
  readonly pods: ReadonlyArray<SimPod>
  /** The volumes of all of them. */
  readonly volumes: ReadonlyArray<SimPodVolume>
  readonly nodes: ReadonlyMap<string, SimNode>
  readonly server: SimApiServer
  /** The settings of every node's certlet. */
  readonly settings: Settings["Service"]
  /** What the API server shows of a pod. */
  readonly stateOf: (pod: SimPod) => PodState
  /** What a trust bundle holds. */
  readonly trustOf: (bundle: TrustBundleReference) => TrustState
  /** What a kubelet sends of the Secret that a volume names; none where that is not there. */
  readonly secretsOf: (volume: SimPodVolume) => Option.Option<PublishSecrets>
  /** The levers that are pulled now and go back by themselves; those of a node begin with its name: `node-1/full`. */
  readonly pulled: ReadonlyArray<string>
}

/** Looks at one event; says what is wrong, or nothing. */
export type Judge = (event: Event, world: World) => string | undefined

/** Something that must hold. */
export interface Invariant {
  readonly name: string
  readonly sentence: string
  /** `safety` is judged at every step, `liveness` when a cluster has settled. */
  readonly kind: "safety" | "liveness"
  /** Begins a judge with empty books. */
  readonly begin: () => Judge
}

/** An invariant that is judged at every step. */
export const safety = (name: string, sentence: string, begin: Invariant["begin"]): Invariant => ({
  name,
  sentence,
  kind: "safety",
  begin
})

/** An invariant that is judged when a cluster has settled. */
export const liveness = (name: string, sentence: string, begin: Invariant["begin"]): Invariant => ({
  name,
  sentence,
  kind: "liveness",
  begin
})

/** An invariant that keeps no books: `holds` says what is wrong at any step, or nothing. */
export const invariant = (name: string, sentence: string, holds: Judge): Invariant =>
  safety(name, sentence, () => holds)

/** An invariant did not hold. */
export class InvariantBroken extends Schema.TaggedError<InvariantBroken>()("InvariantBroken", {
  name: Schema.String,
  sentence: Schema.String,
  kind: Schema.Literals(["safety", "liveness"]),
  /** What was seen instead. */
  detail: Schema.String,
  /** The step at which it was seen. */
  step: Schema.Number,
  seed: Schema.String,
  /** The last lines of the trace. */
  trace: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return [
      `${this.name} does not hold: ${this.sentence}`,
      `seen at step ${this.step}: ${this.detail}`,
      ...this.trace.map((line) => `  ${line}`),
      `the seed is ${this.seed}; a cluster with that seed does the same again`
    ].join("\n")
  }
}

/** The court of one cluster: all its judges, and the first thing that any of them has found. */
export class Court {
  found: InvariantBroken | undefined
  /** What the simulation itself died of: a defect of a judge, of a simulated part, of a layer of the user's. */
  crash: Cause.Cause<never> | undefined
  /** Done as soon as there is a finding: time need not go on. */
  readonly finding = Deferred.makeUnsafe<void>()
  readonly #judges: ReadonlyArray<readonly [Invariant, Judge]>
  readonly #seed: string
  readonly #lines: () => ReadonlyArray<string>

  constructor(invariants: ReadonlyArray<Invariant>, seed: string, lines: () => ReadonlyArray<string>) {
    this.#judges = invariants.map((invariant) => [invariant, invariant.begin()])
    this.#seed = seed
    this.#lines = lines
  }

  /** Hears an event; after the first finding the court rests. */
  readonly hear = (event: Event, world: World): void => {
    if (this.found !== undefined) return
    // Whoever tells of an event is not to blame for a judge that throws.
    const heard = Result.try(() => this.#judge(event, world))
    if (Result.isFailure(heard)) this.crash ??= Cause.die(heard.failure)
  }

  /** Ends the stretch of time that passes: something of the simulation itself has failed. */
  readonly stop = (cause: Cause.Cause<never>): void => {
    this.crash ??= cause
    Deferred.doneUnsafe(this.finding, Effect.void)
  }

  #judge(event: Event, world: World): void {
    for (const [{ kind, name, sentence }, judge] of this.#judges) {
      const detail = judge(event, world)
      if (detail === undefined) continue
      const trace = this.#lines()
      this.found = new InvariantBroken({ name, sentence, kind, detail, step: event.step, seed: this.#seed, trace })
      Deferred.doneUnsafe(this.finding, Effect.void)
      return
    }
  }
}
