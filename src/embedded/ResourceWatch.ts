/**
 * A watch on one resource, without a socket: what happened since the version that it was asked from, and then each
 * change as its selector sees it. Whoever comes from before the window of history is refused (410). How events travel,
 * how late they are and when a watch ends is for the server's faces to say. Pure.
 */
import { Result } from "effect"
import { type Refusal, refusal, statusBody } from "./ApiStatus.ts"
import type { Change, ObjectStore } from "./ObjectStore.ts"
import type { Resource } from "./Resource.ts"
import { type Call, selected } from "./ResourceApi.ts"
import type { Selector } from "./Selector.ts"

/** One event, as clients read it. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR"
  readonly object: unknown
}

/** A refusal as an event: real servers refuse a watch either way. */
export const errorEvent = (no: Refusal): WatchEvent => ({ type: "ERROR", object: statusBody(no) })

/** A change as this selector sees it: an object that begins or ceases to be selected is added or deleted. */
const eventOf = ({ object, previous, type }: Change, selects: Selector): WatchEvent | undefined => {
  const before = previous !== undefined && selects(previous)
  if (type !== "DELETED" && selects(object)) return { type: before ? "MODIFIED" : "ADDED", object }
  return before ? { type: "DELETED", object } : undefined
}

/** A watch that was granted. */
export class ResourceWatch {
  /** How long it may last; 0 is for ever. */
  readonly timeoutSeconds: number
  readonly #bookmarks: boolean
  readonly #resource: Resource
  readonly #store: ObjectStore
  readonly #selects: Selector
  readonly #missed: ReadonlyArray<WatchEvent>
  readonly #streamsList: boolean

  private constructor(
    resource: Resource,
    store: ObjectStore,
    call: Call,
    selects: Selector,
    missed: ReadonlyArray<Change>
  ) {
    this.#resource = resource
    this.#store = store
    this.#selects = selects
    this.#bookmarks = call.query.allowWatchBookmarks === "true"
    this.timeoutSeconds = Number(call.query.timeoutSeconds ?? 0)
    this.#streamsList = call.query.sendInitialEvents === "true"
    this.#missed = missed.flatMap((change) => eventOf(change, selects) ?? [])
  }

  /** Grants a watch, or says why not. Version 0 begins with everything that there is. */
  static open(resource: Resource, store: ObjectStore, call: Call): Result.Result<ResourceWatch, Refusal> {
    const version = Number(call.query.resourceVersion || "0")
    if (!Number.isInteger(version)) return Result.fail(refusal.badRequest(`invalid resource version: ${version}`))
    const there = (): ReadonlyArray<Change> =>
      store.all().map((object) => ({ type: "ADDED", version: store.version, object, previous: undefined }))
    return Result.gen(function* () {
      const selects = yield* selected(call)
      const isWhole = version === 0 || call.query.sendInitialEvents === "true"
      const missed = yield* isWhole ? Result.succeed(there()) : store.since(version)
      return new ResourceWatch(resource, store, call, selects, missed)
    })
  }

  /** Tells what was missed, and from then on each change, within it; the answer ends that. */
  begin(tell: (event: WatchEvent) => void): () => void {
    for (const event of this.#missed) tell(event)
    if (this.#streamsList) tell(this.#placeWith({ "k8s.io/initial-events-end": "true" }))
    return this.#store.subscribe((change) => {
      const event = eventOf(change, this.#selects)
      if (event !== undefined) tell(event)
    })
  }

  /** The place that the watch has come to; undefined where it was not asked for bookmarks. */
  bookmark(): WatchEvent | undefined {
    return this.#bookmarks ? this.#placeWith({}) : undefined
  }

  #placeWith(annotations: Readonly<Record<string, string>>): WatchEvent {
    const { apiVersion, kind } = this.#resource
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null, annotations }
    return { type: "BOOKMARK", object: { apiVersion, kind, metadata } }
  }
}
