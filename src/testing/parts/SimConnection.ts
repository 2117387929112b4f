/**
 * One watch of a simulated client, as the network sees it: a way from the API server to one reader. Events that come
 * before the client knows that its watch was granted wait for that; while the link is cut they wait for its end. A
 * connection that has gone silent brings nothing any more, not even its end, and its client does not know. After the
 * end nothing comes.
 */
import { Deferred, Effect } from "effect"
import type { ResourceName } from "../../embedded/Resource.ts"
import type { ApiError } from "../../kube/ApiError.ts"
import type { EventReader } from "../../kube/ApiServer.ts"

/** One node's way to the API server. */
export interface Link {
  readonly node: string
  /** True while nothing comes through, neither way; only the server turns it. */
  cut: boolean
  /** How often it was cut. */
  cuts: number
}

/** A link that is well. */
export const makeLink = (node: string): Link => ({ node, cut: false, cuts: 0 })

/** One watch of one client. */
export class SimConnection {
  readonly link: Link
  readonly action: string
  readonly ended = Deferred.makeUnsafe<void, ApiError>()
  resource: ResourceName | undefined
  /** Ends what the server tells. */
  unsubscribe: () => void = () => undefined
  /** Tells the client how far the server has come. */
  bookmark: () => void = () => undefined
  /** When the last event on its way arrives, in milliseconds. */
  arrival = 0
  #open = true
  #silent = false
  /** What came before the client knew that the watch was granted. */
  #early: Array<unknown> | undefined = []
  /** What is to come when the link is whole again. */
  #held: Array<() => void> = []
  readonly #reader: EventReader

  constructor(link: Link, action: string, reader: EventReader) {
    this.link = link
    this.action = action
    this.#reader = reader
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** The client has its answer, and reads. */
  readonly granted = (): void => {
    const early = this.#early ?? []
    this.#early = undefined
    for (const event of early) this.take(event)
  }

  /** An event has come; undefined is one that is no JSON. */
  take(event: unknown): void {
    if (!this.#open || this.#silent) return
    if (this.link.cut) this.#held.push(() => this.take(event))
    else if (this.#early !== undefined) this.#early.push(event)
    else if (this.#reader.take(event) === "enough") this.end(Effect.void)
  }

  /** The server, or somebody between, ends it: the client hears of it where the link lets it. */
  finish(how: Effect.Effect<void, ApiError>): void {
    this.unsubscribe()
    if (this.link.cut) this.#held.push(() => this.finish(how))
    else if (!this.#silent) this.end(how)
  }

  /** From now on nothing comes, and nobody says so. */
  silence(): void {
    this.#silent = true
  }

  /** The link is whole again: what was held back comes, in its order. */
  release(): void {
    for (const come of this.#held.splice(0)) come()
  }

  /** It is over for the client. */
  readonly end = (how: Effect.Effect<void, ApiError>): void => {
    this.#open = false
    this.#held = []
    this.unsubscribe()
    Deferred.doneUnsafe(this.ended, how)
  }
}
