/**
 * A line in which everybody waits for their turn, and nobody for all that somebody else has brought. Owners take turns:
 * one that brings twelve things waits with eleven of them while others come and go. What is no longer wanted leaves the
 * line. It holds things and no time; `KeyQueue` says when the next one may go. Pure.
 */

/** Things that wait, by owner. */
export class FairQueue<T> {
  /** Each owner's things, oldest first. The owners stand in the order of their next turns. */
  readonly #lines = new Map<string, Array<T>>()

  /** Puts a thing behind its owner's others; an owner that has none waiting has its turn after all the others. */
  put(owner: string, item: T): void {
    const line = this.#lines.get(owner)
    if (line === undefined) this.#lines.set(owner, [item])
    else line.push(item)
  }

  /** Takes out the thing whose turn it is; its owner's next one comes after one of every other owner. */
  take(): T | undefined {
    for (const [owner, [item, ...rest]] of this.#lines) {
      this.#lines.delete(owner)
      if (rest.length > 0) this.#lines.set(owner, rest)
      return item
    }
    return undefined
  }

  /** Takes a thing out, whether it is its turn or not. */
  remove(owner: string, item: T): void {
    const rest = (this.#lines.get(owner) ?? []).filter((other) => other !== item)
    if (rest.length > 0) this.#lines.set(owner, rest)
    else this.#lines.delete(owner)
  }

  /** How many things are taken before this one, as the line stands. */
  before(owner: string, item: T): number {
    const ahead = (this.#lines.get(owner) ?? []).indexOf(item)
    let count = Math.max(ahead, 0)
    let isPast = false
    for (const [other, line] of this.#lines) {
      if (other === owner) isPast = true
      // Every owner has `ahead` turns before this thing's round, and those before its own owner one more.
      else count += Math.min(line.length, isPast ? ahead : ahead + 1)
    }
    return count
  }
}
