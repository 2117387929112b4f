/**
 * What has been told, and what is to be told next: the folding of Events, on both sides of `PodEvents`. An Event of a
 * reason that a pod has not heard for an hour is new; another one within that time is counted, and the count is written
 * again after 30 seconds at the earliest, then after twice as long each time, up to ten minutes. Synchronous and
 * without a clock of its own. Pure.
 */
import { oneLine } from "../spec/oneLine.ts"
import type { PodEvent } from "./PodEvents.ts"

/** How long after its last repetition an Event is over; the API server keeps Events for an hour. */
const memoryMillis = 3_600_000
/** How soon an Event may be written again, at first and at most. */
const quiet = { firstMillis: 30_000, mostMillis: 600_000 } as const
/** From how many entries on those that are over are looked for and dropped. */
const roomy = 512
/** What the API server takes of a message, in bytes; ours are nearly ASCII, and are cut well below. */
const longestNote = 1000

/** An Event as it stands. Times are milliseconds since 1970. */
export interface CountedEvent {
  readonly event: PodEvent
  readonly count: number
  readonly first: number
  readonly last: number
  /** How often it has been written; 0 where the Event has to be created. */
  readonly written: number
}

interface Entry extends CountedEvent {
  readonly nextWrite: number
}

/** One reason on one pod. */
const keyOf = ({ pod, reason }: PodEvent): string => `${pod.uid} ${reason}`

const cut = (note: string): string => {
  const line = oneLine(note).toWellFormed()
  return line.length <= longestNote ? line : `${line.slice(0, longestNote - 4)} ...`
}

/** The Events of the last hour. */
export class EventLedger {
  readonly #entries = new Map<string, Entry>()

  /** How many Events are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /** Counts an Event; the answer is its key where it is to be written now. */
  count(event: PodEvent, now: number): string | undefined {
    if (this.#entries.size >= roomy) this.#dropOver(now)
    const key = keyOf(event)
    const before = this.#entries.get(key)
    const known = before !== undefined && now - before.last < memoryMillis ? before : undefined
    const told = { ...event, note: cut(event.note) }
    const counted: Entry =
      known === undefined
        ? { event: told, count: 1, first: now, last: now, written: 0, nextWrite: now }
        : { ...known, event: told, count: known.count + 1, last: now }
    this.#entries.set(key, counted)
    return now >= counted.nextWrite ? key : undefined
  }

  /** The Event under a key as it stands, to be written by the caller; counts as written from here on. */
  take(key: string, now: number): CountedEvent | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const pause = Math.min(quiet.mostMillis, quiet.firstMillis * 2 ** Math.min(entry.written, 20))
    this.#entries.set(key, { ...entry, written: entry.written + 1, nextWrite: now + pause })
    return entry
  }

  /** The Event is not there (any more): the next one of its kind is new. */
  forget(key: string): void {
    this.#entries.delete(key)
  }

  #dropOver(now: number): void {
    for (const [key, { last }] of this.#entries) if (now - last >= memoryMillis) this.#entries.delete(key)
  }
}
