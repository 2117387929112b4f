/**
 * The command `certlet wait`, for init containers: it ends when the volume that is mounted at a folder holds its files.
 */
import { Duration, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Rules from "./FlagRules.ts"
import { argument, ruled } from "./Flags.ts"
import { logged } from "./report.ts"
import { waitForFiles } from "./wait/NodeFilesWait.ts"

const flags = {
  folder: argument("dir", Rules.absolutePath, "where the volume is mounted"),
  files: Flag.String("file").pipe(
    Flag.withDescription("a file that the volume must hold; repeatable; without it whatever it holds"),
    Flag.between(0, 100)
  ),
  timeout: ruled("timeout", Rules.timeout, "how long to wait (default 5m)").pipe(Flag.withDefault(Duration.minutes(5)))
}

/** `certlet wait`. */
export const wait = Command.make("wait", flags, (order) =>
  waitForFiles(order).pipe(logged({ level: 1, format: Option.none() }))
).pipe(Command.withDescription("Waits until a volume holds its files: for init containers"))
