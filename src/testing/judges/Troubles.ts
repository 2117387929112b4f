/**
 * What a judge of time has to forgive: what has just gone wrong, and what still does. A call that was under way when
 * something happened suffers from it for a while, and so does whatever waited for that call.
 */
import type { Event } from "../story/Happening.ts"
import type { World } from "./Invariants.ts"

/** A call hangs or stands still for ten minutes at the most, and whoever waits for it begins after that. In ms. */
const aftermath = 900_000

/** What happens on a node or to its process. */
const onNode: ReadonlyArray<string> = ["Struck", "ProcessStarted", "ProcessStopped", "ProcessKilled"]

/** The last trouble at each place. */
export class Troubles {
  readonly #last = new Map<string, number>()

  /** An event has happened. */
  readonly hear = ({ at, what, where }: Event): void => {
    if (onNode.includes(what._tag)) this.#last.set(where, at)
  }

  /** When something went wrong last, on a node or anywhere; the beginning of time where nothing did. */
  readonly since = (node?: string): number =>
    node === undefined ? Math.max(0, ...this.#last.values()) : (this.#last.get(node) ?? 0)

  /** True where a node's own trouble is over, and its disk is quick. */
  readonly spares = (node: string, { nodes, now, pulled }: World): boolean =>
    now - this.since(node) > aftermath &&
    !pulled.some((name) => name.startsWith(`${node}/`)) &&
    (nodes.get(node)?.isQuick ?? false)

  /** True where nothing is wrong with a node, nor with anything else. */
  readonly spareAll = (node: string, world: World): boolean =>
    this.spares(node, world) && world.now - this.since() > aftermath && world.pulled.length === 0
}
