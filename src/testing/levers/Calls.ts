/**
 * How real promises meet the virtual clock. Time stands still while code of the user's runs. A call is answered only
 * when nothing of the cluster is in motion any more, so it does not matter how much real time passes between two calls.
 * A controller runs in turns: it is woken, and the clock goes on when no microtask is left. A controller that waits for
 * anything but the cluster then is refused, because what comes from outside comes at another time in each run.
 */
import { Cause, Effect, Exit, Scheduler, Semaphore } from "effect"
import { Misuse } from "./misuse.ts"

/** A scheduler that knows whether anything is still to be run. */
class Motion implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly #own = new Scheduler.MixedScheduler()
  #pending = 0

  readonly shouldYield: Scheduler.Scheduler["shouldYield"] = (fiber) => this.#own.shouldYield(fiber)

  readonly makeDispatcher = (): Scheduler.SchedulerDispatcher => {
    const dispatcher = this.#own.makeDispatcher()
    return {
      scheduleTask: (task, priority) => {
        this.#pending += 1
        dispatcher.scheduleTask(() => {
          this.#pending -= 1
          task()
        }, priority)
      },
      flush: () => dispatcher.flush()
    }
  }

  /** Waits until nothing moves; each look comes after all microtasks. */
  readonly rest: Effect.Effect<void> = Effect.andThen(
    Effect.yieldNow,
    Effect.suspend(() => (this.#pending === 0 ? Effect.void : this.rest))
  )
}

/** Whose turn it may be. */
export interface Player {
  /** How many of its calls are not answered yet. */
  waits: number
  ended: boolean
  /** It waits for something that the cluster knows nothing of. */
  readonly strayed: () => void
}

/** The calls to one cluster. */
export class Calls {
  readonly #motion = new Motion()
  readonly #oneTurn = Semaphore.makeUnsafe(1)
  /** Each does what was called, and gives what answers. */
  readonly #calls: Array<Effect.Effect<() => void>> = []
  readonly #callsOfTurn: Array<Effect.Effect<void>> = []
  #busy = false
  #player: Player | undefined

  /** Makes a cluster whose motion is known. */
  readonly withMotion = Effect.provideService(Scheduler.Scheduler, this.#motion)

  /** Does this after the calls before it, or in the turn that it is called in. */
  readonly call = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
    new Promise((resolve, reject) => {
      const call = Effect.map(Effect.exit(effect), (exit) => () => {
        if (Exit.isSuccess(exit)) resolve(exit.value)
        else reject(Cause.squash(exit.cause))
      })
      if (this.#player !== undefined) this.#callInTurn(call, this.#player)
      else this.#callInOrder(call)
    })

  /** The same for what only a controller may do. */
  readonly callOfController = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
    this.#player === undefined ? Promise.reject(new Misuse(outOfTurn)) : this.call(effect)

  #callInOrder(call: Effect.Effect<() => void>): void {
    this.#calls.push(call)
    if (this.#busy) return
    this.#busy = true
    Effect.runFork(this.#work)
  }

  #callInTurn(call: Effect.Effect<() => void>, player: Player): void {
    player.waits += 1
    const answered = (answer: () => void) =>
      this.turn(player, () => {
        player.waits -= 1
        answer()
      })
    this.#callsOfTurn.push(Effect.flatMap(call, answered))
  }

  readonly #work: Effect.Effect<void> = Effect.suspend(() => {
    const call = this.#calls.shift()
    if (call !== undefined) {
      const answered = Effect.flatMap(call, (answer) => Effect.andThen(this.#motion.rest, Effect.sync(answer)))
      return Effect.andThen(answered, this.#work)
    }
    this.#busy = false
    return Effect.void
  })

  /** A turn: `wake` lets code of the user's run. It belongs into the cluster, whose clock waits for its end. */
  readonly turn = (player: Player, wake: () => void): Effect.Effect<void> => {
    const begin = Effect.sync(() => {
      this.#player = player
      wake()
    })
    const end = Effect.suspend(() => {
      this.#player = undefined
      if (player.waits === 0 && !player.ended) player.strayed()
      return Effect.forEach(this.#callsOfTurn.splice(0), (call) => Effect.forkDetach(call), { discard: true })
    })
    // The user's microtasks come between two tasks of the scheduler, all of them.
    return this.#oneTurn.withPermit(Effect.andThen(Effect.andThen(begin, Effect.yieldNow), end))
  }
}

const outOfTurn =
  "this comes from outside the cluster's time: a controller may wait for `sleep`, `watch` and the cluster's verbs only"
