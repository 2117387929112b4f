/**
 * The command `certlet cluster`: a cluster of one node on this machine, for kubectl, until a signal ends it. A node's
 * process does not load it: it is in the file of the demo.
 */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { command } from "./command.ts"
import { played } from "./demo.ts"
import * as Rules from "./FlagRules.ts"
import { ruled } from "./Flags.ts"
import { logged, untilSignal } from "./report.ts"

const flags = {
  folder: ruled("folder", Rules.absolutePath, "where its files are (default: a new one, gone at the end)").pipe(
    Flag.withDefault("")
  )
}

/** `certlet cluster`. */
export const cluster = command("cluster", {
  description: "Keeps a cluster of one node on this machine, for kubectl: no binaries, no root",
  examples: [
    { description: "A cluster for kubectl, until Ctrl-C", command: "certlet cluster" },
    {
      description: "Its kubeconfig and its pods' files where you want them",
      command: "certlet cluster --folder /tmp/c"
    }
  ],
  flags,
  does: ({ folder }) =>
    played("keep a cluster", ({ keepOnce }, signal) => keepOnce(folder, signal)).pipe(
      logged({ level: 1, format: Option.none() }),
      untilSignal
    )
})
