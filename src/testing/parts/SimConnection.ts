/**
 * One watch of a simulated client, as the network sees it: a way from the API server to one reader, which may be cut.
 * Events that come before the client knows that its watch was granted wait for that; after the end nothing comes any
 * more.
 */
import { Deferred, Effect } from "effect"
import type { ResourceName } from "../../embedded/Resource.ts"
import type { ApiError } from "../../kube/ApiError.ts"
import type { EventReader } from "../../kube/ApiServer.ts"

/** One node's way to the API server. */
export interface Link {
  readonly node: string
  cut: boolean
}

/** One watch of one client. */
export class SimConnection {
  readonly link: Link
  readonly action: string
  readonly ended = Deferred.makeUnsafe<void, ApiError>()
  resource: ResourceName | undefined
  /** Ends what the server tells. */
  unsubscribe: () => void = () => undefined
  /** When the last event on its way arrives, in milliseconds. */
  arrival = 0
  bookmarkedAt = 0
  #open = true
  /** What came before the client knew that the watch was granted. */
  #early: Array<unknown> | undefined = []
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
    if (!this.#open || this.link.cut) return
    if (this.#early !== undefined) this.#early.push(event)
    else if (this.#reader.take(event) === "enough") this.end(Effect.void)
  }

  readonly end = (how: Effect.Effect<void, ApiError>): void => {
    this.#open = false
    this.unsubscribe()
    Deferred.doneUnsafe(this.ended, how)
  }
}
