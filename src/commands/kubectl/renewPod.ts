/**
 * The command `kubectl certlet renew POD`: it finds the pod's node and has the certlet there renew the pod's volumes
 * now. What that says is passed on as it is, and so is its exit code.
 */
import { Duration, Effect } from "effect"
import { type Command, Flag } from "effect/cli"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { command } from "../command.ts"
import { ExitCode } from "../ExitCode.ts"
import * as Rules from "../FlagRules.ts"
import { ruled } from "../Flags.ts"
import { print, remark } from "../operator/NodeOutput.ts"
import { spoken } from "../report.ts"
import { runOn } from "./Fleet.ts"
import { findPod } from "./FleetPod.ts"
import { pluginName, podFlags } from "./fleetFlags.ts"
import * as Operator from "./Operator.ts"

const flags = {
  ...podFlags,
  timeout: ruled("timeout", Rules.timeout, "how long to wait for the new certificate (default 1m)").pipe(
    Flag.withDefault(Duration.minutes(1))
  )
}

const renew = Effect.fnUntraced(function* (order: Command.Command.Config.Infer<typeof flags>) {
  const { node, pod } = yield* findPod(order)
  const command = ["renew", namespacedName(pod), "--timeout", `${Duration.toMillis(order.timeout)}ms`]
  const answer = yield* runOn(node, command, Duration.sum(order.timeout, order.nodeTimeout))
  yield* print(answer.stdout)
  yield* remark(answer.stderr)
  if (answer.exitCode !== 0) yield* new ExitCode({ code: answer.exitCode })
})

/** `kubectl certlet renew`. */
export const renewPod = command("renew", {
  below: pluginName,
  description: "Renews a pod's certificates now, and says what came of it",
  examples: [{ description: "Renew every volume of a pod", command: `${pluginName} renew -n apps web-0` }],
  flags,
  does: (order) => Effect.provide(spoken(renew(order)), Operator.layer(order.kube))
})
