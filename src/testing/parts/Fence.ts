/**
 * What stands between a simulated process and the world. A crash is not an interruption: when a process dies, its
 * finalizers must not run on the world as an orderly stop's do. So every service that a process uses is reached through
 * its fence: once the fence is shut, calls change nothing and end the fiber that makes them; while it is frozen, calls
 * and answers wait. A fence can also count, and shut at a chosen call: a crash between any two steps of a program.
 */
import { Deferred, Duration, Effect, Latch } from "effect"
import { DiskStep } from "./DiskStep.ts"

/** Where exactly a process dies: before a call has had its effect, or after it and before its answer. */
export type CrashPoint = { readonly call: number; readonly when: "before" | "after" }

/** The fence of one process. */
export class Fence {
  alive = true
  readonly #shut = Deferred.makeUnsafe<void>()
  /** Open, unless the process is frozen. */
  readonly thawed = Latch.makeUnsafe(true)
  /** How long a call to a disk takes; zero is at once. */
  pace: () => Duration.Duration = () => Duration.zero
  #crash: CrashPoint | undefined
  readonly #die: Effect.Effect<void>

  /** `die` is what befalls the process when it reaches its crash point. */
  constructor(die: Effect.Effect<void>) {
    this.#die = die
  }

  /** From now on no call changes anything. */
  readonly shut = (): void => {
    this.alive = false
    Deferred.doneUnsafe(this.#shut, Effect.void)
  }

  /** The process dies at the n-th call from now on, n counting from 1; undefined lets it live. */
  readonly crashAt = (point: CrashPoint | undefined): void => {
    this.#crash = point
  }

  /** A call through the fence. */
  readonly pass = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const crash = this.#count()
      if (crash === "before") return Effect.andThen(this.#die, Effect.interrupt)
      const behind = crash === "after" ? Effect.ensuring(call, this.#die) : call
      return Effect.andThen(this.#open, Effect.ensuring(behind, this.#open))
    })

  /** As `pass`, for a call that takes the disk's time. */
  readonly passSlowly = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const pace = this.pace()
      return Duration.isZero(pace)
        ? this.pass(call)
        : Effect.andThen(Effect.andThen(this.#open, this.#pause(pace)), this.pass(call))
    })

  /** As `passSlowly`, for a call that changes files one by one: the process can also die between any two of them. */
  readonly passStepwise = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    this.passSlowly(Effect.provideService(call, DiskStep, this.pass(Effect.void)))

  /** The disk's time; a dead process has none, not even where its program may not be interrupted. */
  readonly #pause = (pace: Duration.Duration): Effect.Effect<void> =>
    Effect.raceFirst(Effect.interruptible(Effect.sleep(pace)), Deferred.await(this.#shut))

  readonly #open: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.alive) return Effect.interrupt
    return this.thawed.isOpen() ? Effect.void : Effect.andThen(this.thawed.await, this.#open)
  })

  #count(): "before" | "after" | undefined {
    if (this.#crash === undefined || !this.alive) return undefined
    this.#crash = { ...this.#crash, call: this.#crash.call - 1 }
    if (this.#crash.call > 0) return undefined
    const { when } = this.#crash
    this.#crash = undefined
    return when
  }
}

/** A service whose every call goes through `pass`. */
export const fenced = <S extends object>(
  service: S,
  pass: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): S => {
  const wrap = (value: unknown): unknown => {
    if (Effect.isEffect(value)) return pass(value)
    return typeof value === "function" ? (...args: ReadonlyArray<unknown>) => wrap(value(...args)) : value
  }
  return new Proxy(service, { get: (target, key) => wrap(Reflect.get(target, key)) })
}
