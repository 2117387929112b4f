/**
 * The demo and `certlet cluster` as a file of their own (`certlet-demo.mjs`): a node's process should not carry the
 * embedded cluster. They run their own effects, and what comes out is plain.
 */
import { Cause, Effect, Exit } from "effect"
import { keepCluster } from "../cluster/NodeCluster.ts"
import { playDemo } from "./NodeDemo.ts"

const carryOut = (what: Effect.Effect<void, unknown>, signal: AbortSignal): Promise<string> =>
  Effect.runPromiseExit(what, { signal }).then(
    Exit.match({
      onSuccess: () => "",
      onFailure: (cause) => {
        const error = Cause.squash(cause)
        return error instanceof Error ? error.message : String(error)
      }
    })
  )

/** Plays the demo. Resolves with the sentence that says what did not hold; empty where all of it did. */
export const playOnce = (signal: AbortSignal): Promise<string> => carryOut(playDemo, signal)

/** Keeps a cluster in a folder until the signal; empty is a folder of its own. Resolves with what went wrong. */
export const keepOnce = (folder: string, signal: AbortSignal): Promise<string> =>
  carryOut(keepCluster(folder), signal).then((detail) => (signal.aborted ? "" : detail))
