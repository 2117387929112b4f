/**
 * The simulated `Kubelet`: the door of one process of certlet on a simulated node, where the kubelet's calls come in.
 * It takes calls while somebody listens, hands a cancelled call's interruption on, and lets calls in flight finish
 * within a bound when it closes in order; slammed, as by a crash, it cuts all of them off at once.
 */
import { Deferred, type Duration, Effect, Exit, Fiber, Option, type Scope } from "effect"
import { type Calls, Kubelet } from "../../csi/Kubelet.ts"
import { Status, statusOfEnd } from "../../csi/Status.ts"

const goneAway = new Status({ code: "UNAVAILABLE", sentence: "error reading from server: EOF" })
const refused = new Status({
  code: "UNAVAILABLE",
  sentence: "connection error: dial unix /csi/csi.sock: connect: connection refused"
})

/** How a handler's end reads to whoever called. */
const answerOf = <A, E>(exit: Exit.Exit<A, E>): Effect.Effect<A, E | Status> =>
  Exit.isSuccess(exit)
    ? Effect.succeed(exit.value)
    : Option.match(Exit.findErrorOption(exit), {
        onNone: () => Effect.fail(statusOfEnd(exit.cause)),
        onSome: (error) => Effect.fail(error)
      })

/** The door of a process. */
export class SimDoor {
  /** True once somebody has listened. */
  hasServed = false
  readonly #patience: Duration.Duration
  readonly #slammed = Deferred.makeUnsafe<void>()
  readonly #inFlight = new Set<Fiber.Fiber<unknown, unknown>>()
  /** The handlers of cancelled calls that have not heard of it yet; none where nobody is kept from hearing. */
  #unaware: Set<Fiber.Fiber<unknown, unknown>> | undefined
  #take: (<A, E>(method: (calls: Calls) => Effect.Effect<A, E>) => Fiber.Fiber<A, E>) | undefined

  /** `patience` is how long calls in flight may take when the door closes in order. */
  constructor(patience: Duration.Duration) {
    this.#patience = patience
  }

  /** The contract's side. */
  readonly kubelet: Kubelet["Service"] = Kubelet.of({ listen: (calls) => this.#listen(calls) })

  /** A call of the kubelet. An interrupted call is one that the kubelet cancels. */
  readonly call = <A, E>(method: (calls: Calls) => Effect.Effect<A, E>): Effect.Effect<A, E | Status> =>
    Effect.suspend((): Effect.Effect<A, E | Status> => {
      if (this.#take === undefined) return Effect.fail(refused)
      const fiber = this.#take(method)
      this.#inFlight.add(fiber)
      fiber.addObserver(() => this.#inFlight.delete(fiber))
      const cut = Effect.andThen(Deferred.await(this.#slammed), Effect.fail(goneAway))
      return Effect.raceFirst(Effect.flatMap(Fiber.await(fiber), answerOf), cut).pipe(
        // Nobody waits for a handler to end whose caller has gone.
        Effect.onInterrupt(() => Effect.sync(() => this.#cancel(fiber)))
      )
    })

  /** From now on a call that the kubelet cancels runs on: its handler hears of it with `hear`. */
  readonly deafen = (): void => {
    this.#unaware ??= new Set()
  }

  /** The handlers hear of what was cancelled meanwhile, and from now on at once. */
  readonly hear = (): void => {
    for (const fiber of this.#unaware ?? []) fiber.interruptUnsafe()
    this.#unaware = undefined
  }

  #cancel(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.#unaware === undefined) fiber.interruptUnsafe()
    else this.#unaware.add(fiber)
  }

  /** No call is taken any more, and whoever waits for an answer hears that the process is gone. */
  readonly slam = (): void => {
    this.#take = undefined
    Deferred.doneUnsafe(this.#slammed, Effect.void)
  }

  /** Ends the handlers that still run, without waiting for them. */
  readonly clear = (): void => {
    for (const fiber of [...this.#inFlight]) fiber.interruptUnsafe()
  }

  #listen(calls: Calls): Effect.Effect<void, never, Scope.Scope> {
    const begin = Effect.map(Effect.context<never>(), (context) => {
      this.hasServed = true
      this.#take = (method) => Effect.runForkWith(context)(method(calls))
    })
    const end = Effect.suspend(() => {
      this.#take = undefined
      return Effect.forEach([...this.#inFlight], Fiber.await, { concurrency: "unbounded", discard: true }).pipe(
        Effect.timeoutOption(this.#patience),
        // A process that dies meanwhile waits for nobody, nor does a cluster that is taken down.
        Effect.interruptible,
        Effect.raceFirst(Deferred.await(this.#slammed)),
        Effect.andThen(Effect.suspend(() => Fiber.interruptAll([...this.#inFlight])))
      )
    })
    return Effect.acquireRelease(begin, () => (Deferred.isDoneUnsafe(this.#slammed) ? Effect.void : end))
  }
}
