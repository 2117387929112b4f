/**
 * Where a watch on the API server writes what it learns, be the server real or simulated. It is written synchronously,
 * within the event, so that what is known and who is woken by it change in one step.
 */

/** The store of one watched collection. */
export interface WatchStore<A> {
  /** Begins a list; `finish` takes the version of the list and drops whatever the list has not shown. */
  readonly listing: () => { readonly add: (object: A) => void; readonly finish: (version: string) => void }
  /** An object that was added or changed. */
  readonly seen: (object: A) => void
  /** An object that was deleted, as it was last. */
  readonly gone: (object: A) => void
}
