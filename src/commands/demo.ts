/**
 * The command `certlet demo`: it plays `demo/NodeDemo.ts`, and ends with 1 where a claim of the demo does not hold. A
 * signal ends it with 130, because a demo that was cut off has shown nothing.
 */
import { Option } from "effect"
import { Command } from "effect/cli"
import { playDemo } from "./demo/NodeDemo.ts"
import { logged } from "./report.ts"

/** `certlet demo`. */
export const demo = Command.make("demo", {}, () => playDemo.pipe(logged({ level: 1, format: Option.none() }))).pipe(
  Command.withDescription("Shows a certificate from birth to death on this machine: no cluster, no root")
)
