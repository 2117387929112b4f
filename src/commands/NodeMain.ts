/**
 * How the process runs its program and ends. The first SIGINT or SIGTERM interrupts what the command has made
 * interruptible, and nothing around it, so that each command decides what being told to end is worth: NodeRuntime's
 * `runMain` interrupts the whole, and every end by a signal would be a failure. A second signal ends the process at
 * once, because whoever sends it does not want to wait for calls in flight. The exit code is the error's own. Where
 * nobody reads any more what is printed (`certlet simulate | head`), the process ends as SIGPIPE ends others.
 */
import { Effect, Runtime } from "effect"

/** Far longer than any process lives. */
const longestMillis = 2_147_483_647

/** What a shell says of a process that SIGPIPE has ended: 128 and the signal's number. */
const endedByPipe = 141

const endWithoutReader = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EPIPE") throw error
  process.exit(endedByPipe)
}

/** Runs the program; ends the process with its exit code. */
export const runMain = (program: Effect.Effect<void, unknown>): void => {
  const fiber = Effect.runFork(program, { uninterruptible: true })
  // Node ends where nothing is left to wait for, and a fiber that waits for another one is not seen by it.
  const alive = setInterval(() => undefined, longestMillis)
  for (const stream of [process.stdout, process.stderr]) stream.on("error", endWithoutReader)
  let signals = 0
  const end = () => {
    signals += 1
    if (signals > 1) process.exit(1)
    fiber.interruptUnsafe(fiber.id)
  }
  process.on("SIGINT", end).on("SIGTERM", end)
  fiber.addObserver((exit) => {
    clearInterval(alive)
    process.off("SIGINT", end).off("SIGTERM", end)
    Runtime.defaultTeardown(exit, (code) => {
      // Without a reason to hurry, what was written to a pipe is let through first.
      if (code !== 0 || signals > 0) process.exit(code)
    })
  })
}
