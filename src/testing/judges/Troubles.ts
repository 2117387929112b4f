/**
 * What a judge of time has to forgive: what goes wrong while somebody waits. That the API server is out of reach is no
 * trouble of a node's own.
 */
import type { Event } from "../story/Happening.ts"
import type { World } from "./Invariants.ts"

/** What happens on a node or to its process. */
const onNode: ReadonlyArray<string> = ["Struck", "ProcessStarted", "ProcessStopped", "ProcessKilled"]

/** Something that went wrong on a node, in milliseconds since 1970. */
interface Trouble {
  readonly at: number
  /** When the one before it went wrong. */
  readonly before: number
  /** How often the node had been cut off from the API server until then: a cut is told before it is made. */
  readonly cuts: number
}

/** The last trouble at each place. */
export class Troubles {
  readonly #last = new Map<string, Trouble>()
  #any = 0

  /** An event has happened. */
  readonly hear = ({ at, what, where }: Event, world: World): void => {
    if (!onNode.includes(what._tag)) return
    this.#any = at
    this.#last.set(where, { at, before: this.#since(where, world), cuts: world.nodes.get(where)?.link.cuts ?? 0 })
  }

  /** True where nothing is wrong with a node itself at this moment. */
  readonly isWell = (node: string, { nodes, pulled }: World): boolean =>
    !pulled.some((name) => name.startsWith(`${node}/`) && name !== `${node}/cut`) && (nodes.get(node)?.isQuick ?? false)

  /** True where something has gone wrong on a node since then. */
  readonly hasStruck = (node: string, then: number, world: World): boolean => this.#since(node, world) >= then

  /** True where something has gone wrong anywhere since then. */
  readonly hasStruckAnywhere = (then: number): boolean => this.#any >= then

  /** When something went wrong on a node last; the beginning of time where nothing did. */
  #since(node: string, { nodes }: World): number {
    const last = this.#last.get(node)
    if (last === undefined) return 0
    return (nodes.get(node)?.link.cuts ?? 0) > last.cuts ? last.before : last.at
  }
}
