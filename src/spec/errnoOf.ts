/**
 * The name of the system's own error, read from whatever a library throws. `node:fs` throws an error that has it; an
 * HTTP client wraps that error as a cause. It stands here once for files, sockets and commands, because what an error
 * means is for each of them to say. Pure.
 */
import { Predicate } from "effect"

/** `ENOENT`, from the error or from its causes; empty where none of them has a code. */
export const errnoOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code)) return error.code
  return Predicate.hasProperty(error, "cause") && error.cause !== error ? errnoOf(error.cause) : ""
}
