/**
 * What stands between a simulated process and the world. A crash is not an interruption: when a process dies, its
 * finalizers must not run on the world as an orderly stop's do. So every service that a process uses is reached through
 * its fence: once the fence is shut, calls change nothing and end the fiber that makes them; while it is frozen, calls
 * and answers wait. A fence can also count, and shut at a chosen call: a crash between any two steps of a program. Or
 * something else strikes at a chosen call, such as the end of the kubelet that waits for it, or a defect; or a chosen
 * call to the disk hangs there, while everything else goes on.
 */
import { Deferred, Duration, Effect, Latch } from "effect"
import { DiskStep } from "./DiskStep.ts"

/** Where exactly a process dies: before a call has had its effect, or after it and before its answer. */
export type CrashPoint = { readonly call: number; readonly when: "before" | "after" }

/** What strikes at a call, and at which: the call goes on, unless that ends whoever makes it. */
export interface Blow extends CrashPoint {
  readonly strike: Effect.Effect<void>
}

/** The calls to a disk, as its services name them: those that a hang can wait for. */
export const diskCalls = ["inspect", "mount", "write", "read", "sweep", "unmount", "save", "remove"] as const
type DiskCall = (typeof diskCalls)[number]

/** One of the next calls to the disk, before it has had its effect or after it; undefined counts calls of any kind. */
export interface DiskPoint extends CrashPoint {
  readonly of?: DiskCall | undefined
}

/** The call that hangs, and for how long. */
export interface Hang extends DiskPoint {
  readonly time: Duration.Duration
}

/** Counts the calls down to the one that is waited for. */
class Countdown<P extends CrashPoint> {
  #point: P | undefined

  /** Undefined waits for none. */
  readonly set = (point: P | undefined): void => {
    this.#point = point
  }

  /** One call more, if it is one of those that count; what was waited for, where this is it. */
  readonly count = (counts: (point: P) => boolean = () => true): P | undefined => {
    const point = this.#point
    if (point === undefined || !counts(point)) return undefined
    this.#point = point.call > 1 ? { ...point, call: point.call - 1 } : undefined
    return this.#point === undefined ? point : undefined
  }
}

/** In which everybody else does what is due now. A yield is nothing that the clock waits for. */
const instant = Duration.micros(1n)

/** What a file of a set takes of the time of a whole call. */
const stepShare = 0.2

/** The fence of one process. */
export class Fence {
  alive = true
  readonly #shut = Deferred.makeUnsafe<void>()
  /** Open, unless the process is frozen. */
  readonly thawed = Latch.makeUnsafe(true)
  /** How long a call to a disk takes; zero is at once. */
  pace: () => Duration.Duration = () => Duration.zero
  readonly #crash = new Countdown<CrashPoint>()
  readonly #blow = new Countdown<Blow>()
  readonly #hang = new Countdown<Hang>()
  #relief = Deferred.makeUnsafe<void>()
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
  readonly crashAt = (point: CrashPoint | undefined): void => this.#crash.set(point)

  /** Something strikes at the n-th call from now on; undefined lets nothing strike. */
  readonly strikeAt = (blow: Blow | undefined): void => this.#blow.set(blow)

  /** True while nothing moves. */
  get isFrozen(): boolean {
    return !this.thawed.isOpen()
  }

  /** True once a call to the disk was told to hang, whether it has come or not, until none is to hang any more. */
  mayHang = false

  /** One of the next calls to the disk hangs; undefined lets none hang, and ends those that do. */
  readonly hangAt = (hang: Hang | undefined): void => {
    this.#hang.set(hang)
    this.mayHang = hang !== undefined
    if (hang !== undefined) return
    Deferred.doneUnsafe(this.#relief, Effect.void)
    this.#relief = Deferred.makeUnsafe()
  }

  /** A call through the fence. */
  readonly pass = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const crash = this.alive ? this.#crash.count()?.when : undefined
      if (crash === "before") return Effect.andThen(this.#die, Effect.interrupt)
      const struck = this.#strike(this.alive ? this.#blow.count() : undefined, call)
      const behind = crash === "after" ? Effect.ensuring(struck, this.#die) : struck
      return Effect.andThen(this.#open, Effect.ensuring(behind, this.#open))
    })

  /** As `pass`, for a call that takes the disk's time. */
  readonly passSlowly = <A, E, R>(call: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const hang = this.#hang.count(({ of }) => of === undefined || of === name)
      const pace = this.pace()
      const passed = Duration.isZero(pace)
        ? this.pass(call)
        : Effect.andThen(Effect.andThen(this.#open, this.#pause(pace)), this.pass(call))
      return hang === undefined ? passed : this.#hanging(hang, passed)
    })

  /**
   * As `passSlowly`, for a call that changes files one by one: each of them takes its time on a slow disk, and the
   * process can also die between any two of them.
   */
  readonly passStepwise = <A, E, R>(call: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R> =>
    this.passSlowly(Effect.provideService(call, DiskStep, this.#step), name)

  readonly #step: Effect.Effect<void> = Effect.suspend(() => {
    const pace = this.pace()
    const step = this.pass(Effect.void)
    return Duration.isZero(pace) ? step : Effect.andThen(this.#pause(Duration.times(pace, stepShare)), step)
  })

  /** Whoever waits for this process waits by then, and whoever the blow interrupts has heard of it afterwards. */
  #strike<A, E, R>(blow: Blow | undefined, call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    if (blow === undefined) return call
    const others = this.#pause(instant)
    const strike = Effect.andThen(Effect.andThen(others, blow.strike), others)
    return blow.when === "before" ? Effect.andThen(strike, call) : Effect.tap(call, () => strike)
  }

  #hanging<A, E, R>({ time, when }: Hang, call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const hang = Effect.raceFirst(this.#pause(time), Effect.interruptible(Deferred.await(this.#relief)))
    return when === "before" ? Effect.andThen(hang, call) : Effect.ensuring(call, hang)
  }

  /** The disk's time; a dead process has none, not even where its program may not be interrupted. */
  readonly #pause = (pace: Duration.Duration): Effect.Effect<void> =>
    Effect.raceFirst(Effect.interruptible(Effect.sleep(pace)), Deferred.await(this.#shut))

  readonly #open: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.alive) return Effect.interrupt
    return this.thawed.isOpen() ? Effect.void : Effect.andThen(this.thawed.await, this.#open)
  })
}

/** A service whose every call goes through `pass`, which is told the call's name. */
export const fenced = <S extends object>(
  service: S,
  pass: <A, E, R>(call: Effect.Effect<A, E, R>, name: string) => Effect.Effect<A, E, R>
): S => {
  const wrap = (value: unknown, name: string): unknown => {
    if (Effect.isEffect(value)) return pass(value, name)
    return typeof value === "function" ? (...args: ReadonlyArray<unknown>) => wrap(value(...args), name) : value
  }
  return new Proxy(service, { get: (target, key) => wrap(Reflect.get(target, key), String(key)) })
}
