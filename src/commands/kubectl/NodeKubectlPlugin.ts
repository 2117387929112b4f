/**
 * `kubectl certlet`: certlet under the name `kubectl-certlet`, as kubectl looks for its plugins. It is a program's file
 * of its own (`certlet-kubectl.mjs`), because a node's process has no use for it; so it runs its own effects, and what
 * comes out is the exit code.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Runtime, Stdio } from "effect"
import { Command } from "effect/cli"
import { answerCommandLine } from "../CommandLine.ts"
import { describePod } from "./describePod.ts"
import { pluginName } from "./fleetFlags.ts"
import { fleetStatus } from "./fleetStatus.ts"
import { renewPod } from "./renewPod.ts"

const plugin = Command.make(pluginName).pipe(
  Command.withDescription("Asks every certlet of a cluster, with your own kubeconfig"),
  Command.withSubcommands([fleetStatus, describePod, renewPod])
)

const program = Effect.flatMap(Stdio.Stdio, ({ args }) => args).pipe(
  Effect.flatMap((args) => answerCommandLine(plugin, args)),
  Effect.provide(NodeServices.layer)
)

/** Runs the plugin; resolves with its exit code. */
export const kubectlPlugin = async (signal: AbortSignal): Promise<number> => {
  const exit = await Effect.runPromiseExit(program, { signal, uninterruptible: true })
  return new Promise((resolve) => Runtime.defaultTeardown(exit, resolve))
}
