/**
 * The open watches of the embedded API server's HTTPS face, on one resource. A watch is a response that stays open and
 * gets one line of JSON for each event, with bookmarks in between for those who asked for them. Whoever comes from
 * before the window of history is told 410, as an event or as an HTTP status, which are the two ways in which real
 * servers say it. All watches can be cut at once, as a load balancer would.
 */
import type { ServerResponse } from "node:http"
import type { Refusal } from "./ApiStatus.ts"
import { errorEvent, type ResourceWatch, type WatchEvent } from "./ResourceWatch.ts"

/** Real servers send one about every minute. */
const bookmarkMilliseconds = 60_000

interface Open {
  readonly response: ServerResponse
  readonly watch: ResourceWatch
}

const line = (event: WatchEvent) => `${JSON.stringify(event)}\n`

/** The open watches on one resource. */
export class NodeWatches {
  readonly #open = new Set<Open>()
  readonly #observe: (event: "WatchOpened" | "WatchClosed") => void
  readonly #bookmarks: NodeJS.Timeout

  constructor(observe: (event: "WatchOpened" | "WatchClosed") => void) {
    this.#observe = observe
    this.#bookmarks = setInterval(() => this.bookmark(), bookmarkMilliseconds).unref()
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size
  }

  /** Serves a watch that was granted over this response. */
  serve(response: ServerResponse, watch: ResourceWatch, show: (object: unknown) => unknown): void {
    response.writeHead(200, { "content-type": "application/json" })
    response.flushHeaders()
    const open: Open = { response, watch }
    const shown = (event: WatchEvent): WatchEvent =>
      event.type === "BOOKMARK" || event.type === "ERROR" ? event : { ...event, object: show(event.object) }
    const unsubscribe = watch.begin((event) => this.#write(open, line(shown(event))))
    this.#open.add(open)
    this.#observe("WatchOpened")
    const end =
      watch.timeoutSeconds > 0 ? setTimeout(() => this.#end(open), watch.timeoutSeconds * 1000).unref() : undefined
    response.once("close", () => {
      unsubscribe()
      clearTimeout(end)
      if (this.#open.delete(open)) this.#observe("WatchClosed")
    })
  }

  /** Refuses a watch by an event. */
  refuse(response: ServerResponse, no: Refusal): void {
    response.writeHead(200, { "content-type": "application/json" }).end(line(errorEvent(no)))
  }

  /** Sends a bookmark to those who asked for bookmarks. */
  bookmark(): void {
    for (const open of this.#open) this.#bookmark(open)
  }

  /** Writes a raw text into all watches: what a broken proxy might do. */
  raw(text: string): void {
    for (const open of this.#open) this.#write(open, text)
  }

  /** Cuts all connections that carry a watch, without a farewell. */
  drop(): void {
    for (const { response } of this.#open) response.destroy()
  }

  /** Ends all watches in an orderly way, as a server does at their timeout. */
  end(): void {
    for (const open of this.#open) this.#end(open)
  }

  close(): void {
    clearInterval(this.#bookmarks)
    this.drop()
  }

  #end(open: Open): void {
    this.#bookmark(open)
    open.response.end()
  }

  #bookmark(open: Open): void {
    const bookmark = open.watch.bookmark()
    if (bookmark !== undefined) this.#write(open, line(bookmark))
  }

  #write({ response }: Open, text: string): void {
    if (!response.destroyed) response.write(text)
  }
}
