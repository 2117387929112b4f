/**
 * The process's front door: a command line over layers. `certlet run`, or `certlet` with the same flags, serves the
 * kubelet of its node until it is stopped; `certlet demo` shows the whole of it without a cluster. There is no
 * logic here: each command is a file of `commands/`, and its errors say with which code the process ends.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import * as CommandLine from "./commands/CommandLine.ts"
import { check } from "./commands/check.ts"
import { demo } from "./commands/demo.ts"
import { runMain } from "./commands/NodeMain.ts"
import { renew } from "./commands/renew.ts"
import { certlet, run } from "./commands/run.ts"
import { simulate } from "./commands/simulate.ts"
import { status } from "./commands/status.ts"
import { wait } from "./commands/wait.ts"
import { version } from "./Version.ts"

const commands = Command.withSubcommands(certlet, [run, status, renew, wait, check, demo, simulate])

Command.run(commands, { version }).pipe(
  CommandLine.withUsageCodes,
  Effect.provide(Layer.merge(NodeServices.layer, CommandLine.layer)),
  runMain
)
