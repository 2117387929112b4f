/**
 * What is to happen when: one entry for each of a fixed number of things, the earliest first. A binary heap over typed
 * arrays, so that a hundred thousand entries cost twelve bytes each and no garbage. Entries at the same instant come
 * out in an order that depends on nothing but what was put in. Pure; it is the fleet model's inner loop.
 */

/** What an entry takes. */
export const bytesPerEntry = Float64Array.BYTES_PER_ELEMENT + Uint32Array.BYTES_PER_ELEMENT

/** A queue of (instant, thing), with things numbered from 0. */
export class Agenda {
  readonly #instants: Float64Array
  readonly #things: Uint32Array
  #size = 0

  /** Room for `capacity` entries. */
  constructor(capacity: number) {
    this.#instants = new Float64Array(capacity)
    this.#things = new Uint32Array(capacity)
  }

  /** How many entries are waiting. */
  get size(): number {
    return this.#size
  }

  /** The earliest instant, in the unit it was put in; infinite where nothing waits. */
  get next(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#instants[0] ?? 0)
  }

  /** Puts an entry in. */
  add(instant: number, thing: number): void {
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#instants[parent] ?? 0) <= instant) break
      this.#move(parent, at)
      at = parent
    }
    this.#instants[at] = instant
    this.#things[at] = thing
  }

  /** Takes the earliest entry out and returns its thing; the agenda must not be empty. */
  take(): number {
    const taken = this.#things[0] ?? 0
    const last = --this.#size
    const instant = this.#instants[last] ?? 0
    const thing = this.#things[last] ?? 0
    let at = 0
    for (let child = 1; child < last; child = 2 * at + 1) {
      const right = child + 1
      if (right < last && (this.#instants[right] ?? 0) < (this.#instants[child] ?? 0)) child = right
      if ((this.#instants[child] ?? 0) >= instant) break
      this.#move(child, at)
      at = child
    }
    this.#instants[at] = instant
    this.#things[at] = thing
    return taken
  }

  #move(from: number, to: number): void {
    this.#instants[to] = this.#instants[from] ?? 0
    this.#things[to] = this.#things[from] ?? 0
  }
}
