/**
 * The demo as a file of its own (`certlet-demo.mjs`): a node's process should not carry the embedded cluster. It runs
 * its own effects, and what comes out is plain.
 */
import { Cause, Effect, Exit } from "effect"
import { playDemo } from "./NodeDemo.ts"

/** Plays the demo. Resolves with the sentence that says what did not hold; empty where all of it did. */
export const playOnce = (signal: AbortSignal): Promise<string> =>
  Effect.runPromiseExit(playDemo, { signal }).then(
    Exit.match({
      onSuccess: () => "",
      onFailure: (cause) => {
        const error = Cause.squash(cause)
        return error instanceof Error ? error.message : String(error)
      }
    })
  )
