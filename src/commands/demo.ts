/**
 * The command `certlet demo`: it plays `demo/NodeDemo.ts`, and ends with 1 where a claim of the demo does not hold. A
 * signal ends it with 130, because a demo that was cut off has shown nothing. A node's process does not load the demo,
 * nor the cluster in it: they are a file of their own.
 */
import { Effect, Option, Schema } from "effect"
import { command } from "./command.ts"
import { partApart } from "./partApart.ts"
import { logged } from "./report.ts"

/** Something did not hold what it claims. */
class DemoFailure extends Schema.TaggedError<DemoFailure>()("DemoFailure", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

/** Something of the file of the demo, to its end. */
export const played = (
  does: string,
  play: (all: typeof import("./demo/playOnce.ts"), signal: AbortSignal) => Promise<string>
) =>
  Effect.flatMap(
    partApart({ does, file: "certlet-demo.mjs" }, () => import("./demo/playOnce.ts"), play),
    (detail) => (detail === "" ? Effect.void : Effect.fail(new DemoFailure({ detail })))
  )

/** `certlet demo`. */
export const demo = command("demo", {
  description: "Shows a certificate from birth to death on this machine: no cluster, no root",
  examples: [{ description: "Half a minute, with two renewals and a restart", command: "certlet demo" }],
  flags: {},
  does: () =>
    played("play the demo", ({ playOnce }, signal) => playOnce(signal)).pipe(
      logged({ level: 1, format: Option.none() })
    )
})
