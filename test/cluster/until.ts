// Waiting for a condition, the only way in which the cluster tier waits for anything. A probe is asked again and again
// at a short interval until it has an answer or the deadline has passed. A probe that throws has no answer yet; what it
// threw last is kept for the error. The error says what was waited for and how long, and adds whatever the caller knows
// about the cause, usually the tail of a log.
import { setTimeout as pause } from "node:timers/promises"

/** What `until` needs to know beside its probe. */
export interface Waiting {
  readonly deadlineMilliseconds: number
  /** Asked before each probe: a text means that waiting longer is useless. */
  readonly hopeless?: () => string | undefined
  /** Asked once, when the deadline has passed. */
  readonly diagnose?: () => string
}

const intervalMilliseconds = 20

/** The first answer of `probe` that is not undefined; rejects with an Error that starts with `what`. */
export const until = async <Answer>(
  what: string,
  waiting: Waiting,
  probe: () => Promise<Answer | undefined>
): Promise<Answer> => {
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
  const text = `waited ${waiting.deadlineMilliseconds} ms in vain for: ${what}${last}\n${diagnosis}`.trimEnd()
  throw new Error(text, { cause: lastError })
}
