/**
 * certlet's command line in this process: what it prints and with which code it ends. A command that prints past
 * Effect's console, or that serves, needs a process of its own (`runCertlet`); a command line that is wrong, or asks
 * for help, does not.
 */
import { NodeServices } from "@effect/platform-node"
import { Cause, ConfigProvider, Console, Effect, Exit } from "effect"
import type { Command } from "effect/cli"
import { answerCommandLine } from "../../src/commands/CommandLine.ts"
import { commandTree } from "../../src/commands/commandTree.ts"
import { ExitCode } from "../../src/commands/ExitCode.ts"
import type { Environment } from "./certlet.ts"

/** Carries out a command line of some commands. */
export const answered = <Name extends string, Input, Context, E>(
  commands: Command.Command<Name, Input, Context, E, Command.Environment>,
  args: ReadonlyArray<string>,
  environment: Environment = {}
) =>
  Effect.gen(function* () {
    const [stdout, stderr]: [Array<string>, Array<string>] = [[], []]
    const exit = yield* answerCommandLine(commands, args).pipe(
      Effect.provide(NodeServices.layer),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...environment } })),
      Effect.provideService(Console.Console, {
        ...globalThis.console,
        log: (text: string) => void stdout.push(text),
        error: (text: string) => void stderr.push(text)
      }),
      Effect.exit
    )
    if (Exit.isSuccess(exit)) return { code: 0, stdout, stderr }
    const error = Cause.squash(exit.cause)
    return { code: error instanceof ExitCode ? error.code : 1, stdout, stderr }
  })

/** Carries out a command line of certlet. */
export const commandLine = (args: ReadonlyArray<string>, environment: Environment = {}) =>
  answered(commandTree, args, environment)
