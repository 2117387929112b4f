/**
 * What a judge of time has to forgive: what goes wrong while somebody waits. That the API server is out of reach is no
 * trouble of a node's own.
 */
import type { Event } from "../story/Happening.ts"
import type { World } from "./Invariants.ts"

/** How long a watch may stay silent before certlet takes a new one, with some time for that, in milliseconds. */
const silenceLasts = 300_000

/** What happens on a node or to its process: it may cost its pods a certificate. */
const onNode: ReadonlyArray<string> = ["Struck", "ProcessStarted", "ProcessStopped", "ProcessKilled"]

/** True for an event on a node or of its process. */
export const isOnNode = ({ what }: Event): boolean => onNode.includes(what._tag)

/** The levers of a node that are pulled now. */
const pulledOn = (node: string, { pulled }: World): ReadonlyArray<string> =>
  pulled.filter((name) => name.startsWith(`${node}/`))

/** True while a lever of a node is pulled. */
export const isPulledOn = (node: string, world: World): boolean => pulledOn(node, world).length > 0

/** True where nothing is wrong with a node itself at this moment, but for this lever. */
export const isWell = (node: string, world: World, besides = ""): boolean =>
  pulledOn(node, world).every((name) => name === `${node}/cut` || name === besides) &&
  (world.nodes.get(node)?.isQuick ?? false)

/** True for a request that nothing came of. */
export const isRefusal = ({ what }: Event): boolean =>
  what._tag === "RequestDecided" && what.decision !== "approved" && what.decision !== "signed"

/** True while a clock is wrong. */
export const isSkewed = ({ nodes }: World): boolean => [...nodes.values()].some(({ skew }) => skew.millis !== 0)

const disturbances: ReadonlyArray<string> = ["Struck", "FaultsEnded", "CallFailed", "ProcessStarted"]

/** Something that went wrong on a node, in milliseconds since 1970. */
interface Trouble {
  readonly at: number
  /** When the one before it went wrong. */
  readonly before: number
  /** How often the node had been cut off from the API server until then: a cut is told before it is made. */
  readonly cuts: number
}

/**
 * Until when the cluster is disturbed by an event, or by what lasts at its time. What strikes the API server may leave
 * watches open and silent.
 */
const disturbs = ({ at, what, where }: Event, world: World): number => {
  if (what._tag === "Struck" && !world.nodes.has(where)) return at + silenceLasts
  return disturbances.includes(what._tag) || world.pulled.length > 0 || isSkewed(world) ? at : 0
}

/** The last trouble at each place. */
export class Troubles {
  readonly #last = new Map<string, Trouble>()
  /** When a call of a node has failed last: what its watch brings waits for the next one. */
  readonly #failed = new Map<string, number>()
  #disturbedUntil = 0

  /** An event has happened. */
  readonly hear = (event: Event, world: World): void => {
    const { at, what, where } = event
    if (what._tag === "CallFailed") this.#failed.set(where, at)
    this.#disturbedUntil = Math.max(this.#disturbedUntil, disturbs(event, world))
    if (!isOnNode(event)) return
    this.#last.set(where, { at, before: this.#since(where, world), cuts: world.nodes.get(where)?.link.cuts ?? 0 })
  }

  /** True where something has gone wrong on a node since then. */
  readonly hasStruck = (node: string, then: number, world: World): boolean => this.#since(node, world) >= then

  /** Until when something goes wrong anywhere in the cluster, or may still show; the past where nothing does. */
  get disturbedUntil(): number {
    return this.#disturbedUntil
  }

  /** True where a call of a node has failed since then. */
  readonly hasFailed = (node: string, then: number): boolean => (this.#failed.get(node) ?? 0) >= then

  /** When something went wrong on a node last; the beginning of time where nothing did. */
  #since(node: string, { nodes }: World): number {
    const last = this.#last.get(node)
    if (last === undefined) return 0
    return (nodes.get(node)?.link.cuts ?? 0) > last.cuts ? last.before : last.at
  }
}
