/**
 * The nodes of a simulated cluster, as they join and leave. One that leaves takes its certlet, its files and its pods
 * with it: nothing of it starts again, and what the API server shows of its pods goes as when their kubelet says so.
 */
import { Effect } from "effect"
import type { Event } from "../story/Happening.ts"
import type { SimNode } from "./SimNode.ts"
import type { SimPod } from "./SimPod.ts"

/** Makes a node; so many others have had its name before, and it must draw other keys than they did. */
type NodeMaker = (name: string, times: number) => SimNode

/** The nodes that are there. */
export class SimNodes {
  readonly all = new Map<string, SimNode>()
  readonly #make: NodeMaker
  /** How many nodes have had a name. */
  readonly #times = new Map<string, number>()
  readonly #onGone: (pod: SimPod) => Effect.Effect<void>

  /** `onGone` is what becomes of a pod that is gone from its node. */
  constructor(make: NodeMaker, onGone: (pod: SimPod) => Effect.Effect<void>) {
    this.#make = make
    this.#onGone = onGone
  }

  /** A new node, not started yet. */
  readonly add = (name: string): SimNode => {
    const times = this.#times.get(name) ?? 0
    this.#times.set(name, times + 1)
    const node = this.#make(name, times)
    this.all.set(name, node)
    return node
  }

  /** What happens on a node is news to its kubelet; what happens elsewhere is news to all of them. */
  readonly hear = ({ what, where }: Event): void => {
    const concerned = this.all.get(where)
    for (const { kubelet } of concerned === undefined ? this.all.values() : [concerned]) kubelet.hear(what)
  }

  /** A node leaves for good. */
  readonly drop = (node: SimNode): Effect.Effect<void> =>
    Effect.suspend(() => {
      const pods = node.leave()
      this.all.delete(node.name)
      return Effect.forEach(pods, this.#onGone, { discard: true })
    })
}
