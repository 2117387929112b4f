/**
 * What is known of the process's health: named checks that the rooms add as they come to life, and one look at all of
 * them. A check answers with what is wrong, or with nothing where all is well; it is asked at each look, so that it can
 * weigh the time. The doors look: Identity's Probe and `/readyz` see the same board, and so can never contradict each
 * other. Without a board, as in a test of a single room, checks are added to nothing.
 */
import { Context, Effect, Layer, Option, type Scope } from "effect"

/** One check: none where all is well, otherwise what is wrong and what is waited for, as a clause. */
interface HealthCheck {
  /** A short word: "watch", "registration". */
  readonly name: string
  readonly complaint: Effect.Effect<Option.Option<string>>
}

/** What a check said. */
export interface HealthAnswer {
  readonly name: string
  readonly complaint: Option.Option<string>
}

/** The board of checks. */
export interface HealthBoard {
  /** Adds a check until the scope closes. */
  readonly add: (check: HealthCheck) => Effect.Effect<void, never, Scope.Scope>
  /** Asks every check, in the order in which they were added. */
  readonly look: Effect.Effect<ReadonlyArray<HealthAnswer>>
  /** From now on the board says that the process is ending, so that nobody sends it anything new. */
  readonly end: Effect.Effect<void>
}

/** The check that the board itself has, once the process is ending. */
const ending = "ending"

/** The process's board. */
export const Health = Context.Reference<HealthBoard>("certlet/Health", {
  defaultValue: () => ({ add: () => Effect.void, look: Effect.succeed([]), end: Effect.void })
})

/** A board that keeps what is added. */
export const layer: Layer.Layer<never> = Layer.sync(Health, () => {
  const checks = new Set<HealthCheck>()
  return {
    add: (check) =>
      Effect.acquireRelease(
        Effect.sync(() => void checks.add(check)),
        () => Effect.sync(() => void checks.delete(check))
      ),
    look: Effect.suspend(() =>
      Effect.forEach([...checks], ({ complaint, name }) => Effect.map(complaint, (said) => ({ name, complaint: said })))
    ),
    end: Effect.sync(() => void checks.add({ name: ending, complaint: Effect.succeedSome("certlet is ending") }))
  }
})

/** Tells the board that the process is ending, before anything ends that this layer is provided with. */
export const endsFirst: Layer.Layer<never> = Layer.effectDiscard(
  Effect.flatMap(Health, ({ end }) => Effect.addFinalizer(() => end))
)

/** True once the board has been told that the process is ending. */
export const isEnding = (answers: ReadonlyArray<HealthAnswer>): boolean => answers.some(({ name }) => name === ending)

/** True where no check has anything to say. */
export const isWell = (answers: ReadonlyArray<HealthAnswer>): boolean =>
  answers.every(({ complaint }) => Option.isNone(complaint))
