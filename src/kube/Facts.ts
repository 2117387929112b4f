/**
 * What is known of some objects of the cluster, and who waits for one of them to change. A watch (or a simulation)
 * writes it, synchronously, so that an event and the waking of its waiters are one step; everybody else reads. Of each
 * object only the value is kept that somebody asks for. It makes no calls. Pure.
 */
import { Effect, Option } from "effect"

/** One object, reduced to what is kept of it. */
export interface Fact<A> {
  readonly key: string
  readonly value: A
}

type Waiter<A> = (value: A) => boolean

/** Facts by their keys. */
export class Facts<A> {
  readonly #known = new Map<string, A>()
  readonly #waiters = new Map<string, Set<Waiter<A>>>()
  #synced = false

  /** True once a list has been read to its end: from then on, what is not here is not there. */
  get synced(): boolean {
    return this.#synced
  }

  /** How many wait. */
  get waiting(): number {
    return [...this.#waiters.values()].reduce((sum, waiters) => sum + waiters.size, 0)
  }

  /** How many are known. */
  get size(): number {
    return this.#known.size
  }

  get(key: string): Option.Option<A> {
    return Option.fromUndefinedOr(this.#known.get(key))
  }

  seen = ({ key, value }: Fact<A>): void => {
    this.#known.set(key, value)
    for (const waiter of [...(this.#waiters.get(key) ?? [])]) waiter(value)
  }

  gone = ({ key }: { readonly key: string }): void => {
    this.#known.delete(key)
  }

  /** Begins a list; `finish` drops whatever the list has not shown. */
  listing = (): { readonly add: (fact: Fact<A>) => void; readonly finish: (version: string) => void } => {
    const listed = new Set<string>()
    return {
      add: (fact) => {
        listed.add(fact.key)
        this.seen(fact)
      },
      finish: () => {
        this.#synced = true
        for (const key of this.#known.keys()) if (!listed.has(key)) this.gone({ key })
      }
    }
  }

  /** Waits until the value is one that fits, for ever if need be. An interrupted wait leaves nothing behind. */
  await<B>(key: string, fits: (value: A) => Option.Option<B>): Effect.Effect<B> {
    return Effect.callback((resume) => {
      const waiters = this.#waiters.get(key) ?? new Set<Waiter<A>>()
      const cancel = () => {
        waiters.delete(waiter)
        if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key)
      }
      const waiter: Waiter<A> = (value) => {
        const found = fits(value)
        if (Option.isSome(found)) {
          cancel()
          resume(Effect.succeed(found.value))
        }
        return Option.isSome(found)
      }
      const known = this.#known.get(key)
      if (known !== undefined && waiter(known)) return undefined
      this.#waiters.set(key, waiters.add(waiter))
      return Effect.sync(cancel)
    })
  }
}
