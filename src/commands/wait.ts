/**
 * The command `certlet wait`, for init containers: it ends when the volume that is mounted at a folder holds its files.
 */
import { Duration, Option } from "effect"
import { Flag } from "effect/cli"
import { command } from "./command.ts"
import * as Rules from "./FlagRules.ts"
import { argument, ruled, ruledMany } from "./Flags.ts"
import { logged } from "./report.ts"
import { waitForFiles } from "./wait/NodeFilesWait.ts"

const flags = {
  folder: argument("dir", Rules.absolutePath, "where the volume is mounted"),
  files: ruledMany(
    "file",
    Rules.nonEmpty,
    "a file that the volume must hold; repeatable; without it whatever it holds"
  ),
  timeout: ruled("timeout", Rules.timeout, "how long to wait (default 5m)").pipe(Flag.withDefault(Duration.minutes(5)))
}

/** `certlet wait`. */
export const wait = command("wait", {
  description: "Waits until a volume holds its files: for init containers",
  examples: [
    { description: "Wait for whatever the volume is to hold", command: "certlet wait /tls" },
    {
      description: "Wait a minute for two files",
      command: "certlet wait /tls --file tls.crt --file tls.key --timeout 1m"
    }
  ],
  flags,
  does: (order) => waitForFiles(order).pipe(logged({ level: 1, format: Option.none() }))
})
