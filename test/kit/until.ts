// Waiting for a condition, the only way in which a test waits for anything. A probe is asked again and again
// at a short interval until it has an answer or the deadline has passed. A probe that throws has no answer yet; what it
// threw last is kept for the error. The error says what was waited for and how long, and adds whatever the caller knows
// about the cause, usually the tail of a log.
import { setTimeout as pause } from "node:timers/promises"
import { Effect } from "effect"

/** What `until` needs to know besides its probe. */
export interface Waiting {
  readonly deadlineMilliseconds: number
  /** Asked before each probe: a text means that waiting longer is useless. */
  readonly hopeless?: () => string | undefined
  /** Asked once, when the deadline has passed. */
  readonly diagnose?: () => string
}

const intervalMilliseconds = 20
/** How long an Effect is asked: less than a test may take, and far more than anything takes. */
const deadlineMilliseconds = 100_000

/** The first answer of `probe` that is not undefined; rejects with an Error that starts with `what`. */
export const until = async <Found>(
  what: string,
  waiting: Waiting,
  probe: () => Promise<Found | undefined>
): Promise<Found> => {
  const deadline = performance.now() + waiting.deadlineMilliseconds
  let lastError: unknown
  do {
    const reason = waiting.hopeless?.()
    if (reason !== undefined) throw new Error(`waited for: ${what}; ${reason}`, { cause: lastError })
    try {
      const answer = await probe()
      if (answer !== undefined) return answer
    } catch (error) {
      lastError = error
    }
    await pause(intervalMilliseconds)
  } while (performance.now() < deadline)
  const last = lastError instanceof Error ? `; the last probe failed: ${lastError.message}` : ""
  const diagnosis = waiting.diagnose?.() ?? ""
  const text = `waited ${waiting.deadlineMilliseconds} ms for: ${what}${last}\n${diagnosis}`.trimEnd()
  throw new Error(text, { cause: lastError })
}

/**
 * The first answer of an Effect that is neither `undefined` nor `false`; a test whose clock is virtual may use it too.
 */
export const eventually = <Found, E>(
  what: string,
  look: Effect.Effect<Found | undefined | false, E>
): Effect.Effect<Found, E> =>
  Effect.suspend(() => {
    const deadline = performance.now() + deadlineMilliseconds
    const again: Effect.Effect<Found, E> = Effect.flatMap(look, (answer) => {
      if (answer !== undefined && answer !== false) return Effect.succeed(answer)
      if (performance.now() > deadline) return Effect.die(new Error(`waited ${deadlineMilliseconds} ms for: ${what}`))
      return Effect.andThen(
        Effect.promise(() => pause(intervalMilliseconds)),
        again
      )
    })
    return again
  })
