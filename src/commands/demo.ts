/**
 * The command `certlet demo`: it plays `demo/NodeDemo.ts`, and ends with 1 where a claim of the demo does not hold. A
 * signal ends it with 130, because a demo that was cut off has shown nothing.
 */
import { Option } from "effect"
import { command } from "./command.ts"
import { playDemo } from "./demo/NodeDemo.ts"
import { logged } from "./report.ts"

/** `certlet demo`. */
export const demo = command("demo", {
  description: "Shows a certificate from birth to death on this machine: no cluster, no root",
  examples: [{ description: "Half a minute, with two renewals and a restart", command: "certlet demo" }],
  flags: {},
  does: () => playDemo.pipe(logged({ level: 1, format: Option.none() }))
})
