/**
 * The open watches of the embedded API server. A watch is an HTTP response that stays open and gets one line of JSON for each
 * change that its selector sees: history since its resourceVersion first, then whatever happens, with bookmarks in between
 * for those who asked for them. Whoever comes from before the window of history is told 410, as an event or as an HTTP
 * status, which are the two ways in which real servers say it. All watches can be cut at once, as a load balancer would.
 */
import type { ServerResponse } from "node:http"
import { Result } from "effect"
import { type Refusal, refusal, statusBody } from "./ApiStatus.ts"
import type { Change, ObjectStore } from "./ObjectStore.ts"
import type { Resource } from "./Resource.ts"
import type { Selector } from "./Selector.ts"

/** What a watch asked for; `timeoutSeconds` 0 means for ever. */
export interface WatchQuery {
  readonly selector: Selector
  readonly resourceVersion: string
  readonly bookmarks: boolean
  readonly timeoutSeconds: number
}

/** Real servers send one about every minute. */
const bookmarkMilliseconds = 60_000

interface Watch {
  readonly response: ServerResponse
  readonly query: WatchQuery
}

const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`

/** A change as this selector sees it: an object that begins or ceases to be selected is added or deleted. */
const eventOf = (change: Change, selector: Selector): string | undefined => {
  const before = change.previous !== undefined && selector(change.previous)
  const after = change.type !== "DELETED" && selector(change.object)
  if (after) return line(before ? "MODIFIED" : "ADDED", change.object)
  return before ? line("DELETED", change.object) : undefined
}

/** All open watches on one store. */
export class NodeWatches {
  readonly #open = new Set<Watch>()
  readonly #resource: Resource
  readonly #store: ObjectStore
  readonly #observe: (event: "WatchOpened" | "WatchClosed") => void
  readonly #bookmarks: NodeJS.Timeout
  readonly #unsubscribe: () => void
  /** How a watch from before the window of history is refused. */
  expiry: "event" | "status" = "event"

  constructor(resource: Resource, store: ObjectStore, observe: (event: "WatchOpened" | "WatchClosed") => void) {
    this.#resource = resource
    this.#store = store
    this.#observe = observe
    this.#unsubscribe = store.subscribe((change) => this.#tell(change))
    this.#bookmarks = setInterval(() => this.bookmark(), bookmarkMilliseconds).unref()
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size
  }

  /** Opens a watch on this response, or says why not; then nothing has been written yet. */
  open(response: ServerResponse, query: WatchQuery): Refusal | undefined {
    const version = Number(query.resourceVersion)
    if (!Number.isInteger(version)) return refusal.badRequest(`invalid resource version: ${query.resourceVersion}`)
    const first = version === 0 ? Result.succeed(undefined) : this.#store.since(version)
    if (Result.isFailure(first) && this.expiry === "status") return first.failure
    response.writeHead(200, { "content-type": "application/json" })
    response.flushHeaders()
    if (Result.isFailure(first)) {
      response.end(line("ERROR", statusBody(first.failure)))
      return undefined
    }
    const watch: Watch = { response, query }
    if (first.success === undefined) {
      for (const object of this.#store.all()) {
        if (query.selector(object)) response.write(line("ADDED", object))
      }
    } else {
      for (const change of first.success) this.#write(watch, eventOf(change, query.selector))
    }
    this.#open.add(watch)
    this.#observe("WatchOpened")
    const end =
      query.timeoutSeconds > 0 ? setTimeout(() => this.#end(watch), query.timeoutSeconds * 1000).unref() : null
    response.once("close", () => {
      if (end !== null) clearTimeout(end)
      if (this.#open.delete(watch)) this.#observe("WatchClosed")
    })
    return undefined
  }

  /** Sends a bookmark to those who asked for bookmarks. */
  bookmark(): void {
    for (const watch of this.#open) this.#bookmark(watch)
  }

  /** Writes a raw text into all watches: what a broken proxy might do. */
  raw(text: string): void {
    for (const watch of this.#open) this.#write(watch, text)
  }

  /** Cuts all connections that carry a watch, without a farewell. */
  drop(): void {
    for (const watch of this.#open) watch.response.destroy()
  }

  /** Ends all watches in an orderly way, as a server does at their timeout. */
  end(): void {
    for (const watch of this.#open) this.#end(watch)
  }

  close(): void {
    clearInterval(this.#bookmarks)
    this.#unsubscribe()
    this.drop()
  }

  #tell(change: Change): void {
    for (const watch of this.#open) this.#write(watch, eventOf(change, watch.query.selector))
  }

  #end(watch: Watch): void {
    this.#bookmark(watch)
    watch.response.end()
  }

  #bookmark(watch: Watch): void {
    if (!watch.query.bookmarks) return
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null }
    const { apiVersion, kind } = this.#resource
    const object = { apiVersion, kind, metadata }
    this.#write(watch, line("BOOKMARK", object))
  }

  #write(watch: Watch, text: string | undefined): void {
    if (text !== undefined && !watch.response.destroyed) watch.response.write(text)
  }
}
