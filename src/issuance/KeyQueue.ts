/**
 * Keys that take a core for long are made in turn. Pods take turns (`FairQueue`), so that no pod waits for all the keys
 * of another. Keys larger than RSA-2048 have seats of their own, so that they never stand before the others. A key that
 * nobody wants any more leaves the queue; one that is being made is interrupted, and its seat is free when it has truly
 * ended. Every key generator that takes time stands behind one of these, the simulated one too.
 */
import { Effect, Fiber, Option } from "effect"
import type { KeyParameters } from "../spec/VolumeSpec.ts"
import { FairQueue } from "./FairQueue.ts"
import type { KeyProgress, WantedKey } from "./KeyGenerator.ts"

/** How many keys are made at once: four are as many as Node's thread pool makes. */
const seats = { small: 4, big: 2 } as const

/** True for a key that takes a second and more, and sometimes a minute. */
export const isBig = (parameters: KeyParameters): boolean => parameters.algorithm === "RSA" && parameters.size > 2048

/** A key that waits or is being made. */
interface Ticket {
  readonly wanted: WantedKey
  /** Set while it waits. */
  call: (() => void) | undefined
}

/** Lets keys be made in turn. */
export interface KeyQueue {
  /** Makes a key when it is its turn. The effect that makes it is interrupted as soon as nobody wants the key. */
  readonly inTurn: <A, E, R>(wanted: WantedKey, make: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** How far the key of a volume is; none if it has none that waits or is being made. */
  readonly progress: (volumeId: string) => Effect.Effect<Option.Option<KeyProgress>>
}

/** The keys that share some seats. */
class Lane {
  readonly #waiting = new FairQueue<Ticket>()
  readonly #seats: number
  #taken = 0

  constructor(seats: number) {
    this.#seats = seats
  }

  /** Waits for a seat. */
  readonly enter = (ticket: Ticket): Effect.Effect<void> =>
    Effect.callback((resume) => {
      if (this.#taken < this.#seats) {
        this.#taken += 1
        return resume(Effect.void)
      }
      ticket.call = () => resume(Effect.void)
      this.#waiting.put(ticket.wanted.pod, ticket)
    })

  /** Leaves the queue, or the seat to whoever is next. */
  leave(ticket: Ticket): void {
    if (ticket.call === undefined) this.#callNext()
    else this.#waiting.remove(ticket.wanted.pod, ticket)
  }

  #callNext(): void {
    const next = this.#waiting.take()
    if (next === undefined) this.#taken -= 1
    const call = next?.call
    if (next !== undefined) next.call = undefined
    call?.()
  }

  /** How many keys come before this one; those that are being made count. */
  before(ticket: Ticket): number {
    return ticket.call === undefined ? 0 : this.#taken + this.#waiting.before(ticket.wanted.pod, ticket)
  }
}

/** A queue in which nobody waits yet. */
export const makeKeyQueue = (): KeyQueue => {
  const lanes = { small: new Lane(seats.small), big: new Lane(seats.big) }
  const laneOf = ({ parameters }: WantedKey): Lane => lanes[isBig(parameters) ? "big" : "small"]
  const tickets = new Map<string, Ticket>()
  const leave = (ticket: Ticket): void => {
    const { wanted } = ticket
    if (tickets.get(wanted.volumeId) === ticket) tickets.delete(wanted.volumeId)
    laneOf(wanted).leave(ticket)
  }
  return {
    inTurn: (wanted, make) =>
      Effect.uninterruptibleMask(
        Effect.fnUntraced(function* (restore) {
          const ticket: Ticket = { wanted, call: undefined }
          tickets.set(wanted.volumeId, ticket)
          yield* restore(laneOf(wanted).enter(ticket)).pipe(Effect.onInterrupt(() => Effect.sync(() => leave(ticket))))
          // The key has a fiber of its own: whoever no longer wants it goes at once, and its seat waits for its end.
          const making = yield* Effect.forkDetach(make, { startImmediately: true })
          making.addObserver(() => leave(ticket))
          return yield* restore(Fiber.join(making)).pipe(
            Effect.onInterrupt(() => Effect.sync(() => making.interruptUnsafe()))
          )
        })
      ),
    progress: (volumeId) =>
      Effect.sync(() =>
        Option.map(Option.fromUndefinedOr(tickets.get(volumeId)), (ticket) => ({
          parameters: ticket.wanted.parameters,
          before: laneOf(ticket.wanted).before(ticket)
        }))
      )
  }
}
