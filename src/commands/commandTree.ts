/**
 * Every command of certlet, below the one that has no name of its own. The process runs this tree, and so do the tests
 * of the command line, which need no process for it. There is no logic here.
 */
import { Command } from "effect/cli"
import { check } from "./check.ts"
import { cluster } from "./cluster.ts"
import { demo } from "./demo.ts"
import { renew } from "./renew.ts"
import { certlet, run } from "./run.ts"
import { simulate } from "./simulate.ts"
import { status } from "./status.ts"
import { wait } from "./wait.ts"

/** `certlet` and its commands. */
export const commandTree = Command.withSubcommands(certlet, [run, status, renew, wait, check, cluster, demo, simulate])
