/**
 * The command `certlet demo`: it plays `demo/NodeDemo.ts`, and ends with 1 where a claim of the demo does not hold. A
 * signal ends it with 130, because a demo that was cut off has shown nothing. A node's process does not load the demo,
 * nor the cluster in it: they are a file of their own.
 */
import { Effect, Option, Schema } from "effect"
import { command } from "./command.ts"
import { logged } from "./report.ts"

/** The demo cannot be played, or it did not hold what it claims. */
class DemoFailure extends Schema.TaggedError<DemoFailure>()("DemoFailure", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

const cannotPlay = (cause: unknown): DemoFailure =>
  new DemoFailure({ detail: `cannot play (certlet-demo.mjs must lie in the folder of certlet.mjs): ${cause}` })

/** Something of the file of the demo, to its end. An interruption waits until it has cleared up what it started. */
export const played = (play: (all: typeof import("./demo/playOnce.ts"), signal: AbortSignal) => Promise<string>) =>
  Effect.callback<void, DemoFailure>((resume) => {
    const interruption = new AbortController()
    const playing = import("./demo/playOnce.ts").then((all) => play(all, interruption.signal))
    playing.then(
      (detail) => resume(detail === "" ? Effect.void : Effect.fail(new DemoFailure({ detail }))),
      (cause) => resume(Effect.fail(cannotPlay(cause)))
    )
    return Effect.suspend(() => {
      interruption.abort()
      return Effect.promise(() => playing)
    })
  })

/** `certlet demo`. */
export const demo = command("demo", {
  description: "Shows a certificate from birth to death on this machine: no cluster, no root",
  examples: [{ description: "Half a minute, with two renewals and a restart", command: "certlet demo" }],
  flags: {},
  does: () => played(({ playOnce }, signal) => playOnce(signal)).pipe(logged({ level: 1, format: Option.none() }))
})
