/**
 * The process's front door: a command line over layers. `certlet run`, or `certlet` with the same flags, serves the
 * kubelet of its node until it is stopped; `certlet demo` shows the whole of it without a cluster; under the name
 * `kubectl-certlet` it is a plugin of kubectl. There is no logic here: each command is a file of `commands/`, and its
 * errors say with which code the process ends.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Stdio } from "effect"
import { answerCommandLine } from "./commands/CommandLine.ts"
import { commandTree } from "./commands/commandTree.ts"
import { isKubectlPlugin, kubectl } from "./commands/kubectl.ts"
import { runMain } from "./commands/NodeMain.ts"

const certlet = Effect.flatMap(Stdio.Stdio, ({ args }) => args).pipe(
  Effect.flatMap((args) => answerCommandLine(commandTree, args)),
  Effect.provide(NodeServices.layer)
)

runMain(isKubectlPlugin(process.argv[1] ?? "") ? kubectl : certlet)
