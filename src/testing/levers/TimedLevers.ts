/**
 * What levers work on, and how those that last for a time go back by themselves. Where two pulls of one lever overlap,
 * the longer one counts. Every pull is in the trace.
 */
import { Duration, Effect } from "effect"
import type { Controllers } from "../../embedded/Controllers.ts"
import type { IssuanceBehaviour } from "../../embedded/IssuanceBehaviour.ts"
import type { Issuer } from "../../embedded/Issuer.ts"
import type { ApiBehaviour } from "../parts/ApiBehaviour.ts"
import type { SimAccounts } from "../parts/SimAccounts.ts"
import type { SimApiServer } from "../parts/SimApiServer.ts"
import type { SimBundles } from "../parts/SimBundles.ts"
import type { SimNetwork } from "../parts/SimNetwork.ts"
import type { SimNode } from "../parts/SimNode.ts"
import type { Trace } from "../story/Trace.ts"
import { timeOf } from "./misuse.ts"

/** How API server, approver and issuer behave. */
export type Behaviour = ApiBehaviour & IssuanceBehaviour

/** What the levers work on. */
export interface Workings {
  readonly trace: Trace
  readonly server: SimApiServer
  readonly controllers: Controllers
  /** The issuer that every cluster has. */
  readonly issuer: Issuer["Service"]
  readonly network: SimNetwork
  readonly accounts: SimAccounts
  readonly bundles: SimBundles
  readonly nodes: ReadonlyMap<string, SimNode>
  readonly now: () => number
  /** How things are when nobody pulls: what the weather makes of them. */
  readonly usual: () => Behaviour
  readonly run: (effect: Effect.Effect<unknown>) => unknown
}

/** Tells the trace what was done to the cluster. */
export const tell = ({ trace }: Pick<Workings, "trace">, where: string, sentence: string): Effect.Effect<void> =>
  Effect.sync(() => trace.record(where, { _tag: "Struck", sentence }))

/** Levers that go back by themselves; `release` lets all of them go. */
export class TimedLevers {
  readonly #workings: Workings
  readonly #until = new Map<string, { readonly at: number; readonly back: Effect.Effect<void> }>()

  constructor(workings: Workings) {
    this.#workings = workings
  }

  /** The names of those that are pulled now; a node's begin with its own name. */
  get pulled(): ReadonlyArray<string> {
    return [...this.#until.keys()]
  }

  /** Pulls a lever for a time. */
  readonly pull = (
    name: string,
    time: Duration.Input,
    pull: Effect.Effect<void>,
    back: Effect.Effect<void>
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { nodes, now, run } = this.#workings
      const news = Effect.sync(() => nodes.forEach(({ kubelet }) => void kubelet.hear({ _tag: "FaultsEnded" })))
      const at = now() + Duration.toMillis(timeOf(time))
      if ((this.#until.get(name)?.at ?? 0) < at) this.#until.set(name, { at, back })
      const end = Effect.suspend(() => {
        const held = this.#until.get(name)
        if (held === undefined || held.at > now()) return Effect.void
        this.#until.delete(name)
        return Effect.andThen(back, news)
      })
      return Effect.andThen(
        pull,
        Effect.sync(() => void run(Effect.delay(end, timeOf(time))))
      )
    })

  /** What the levers of a node work on is gone; the next node of its name has its own. */
  readonly forget = (node: string): void => {
    for (const name of [...this.#until.keys()]) if (name.startsWith(`${node}/`)) this.#until.delete(name)
  }

  /** Lets every lever go, now. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const held = [...this.#until.values()]
    this.#until.clear()
    return Effect.forEach(held, ({ back }) => back, { discard: true })
  })
}
