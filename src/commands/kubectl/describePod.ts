/**
 * The command `kubectl certlet describe POD`: what the pod's node says of its volumes, with the CertificateRequest, the
 * issuer and the Events that the API server has. It is one answer to "why has this pod no certificate".
 */
import { Effect, Option } from "effect"
import type { Command } from "effect/cli"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { command } from "../command.ts"
import { print } from "../operator/NodeOutput.ts"
import { spoken } from "../report.ts"
import { conditionsOf, eventsOn } from "./conditionsAndEvents.ts"
import { describeText } from "./describeText.ts"
import { askNode } from "./Fleet.ts"
import { findPod } from "./FleetPod.ts"
import { pluginName, podFlags } from "./fleetFlags.ts"
import * as Operator from "./Operator.ts"

const describe = Effect.fnUntraced(function* (order: Command.Command.Config.Infer<typeof podFlags>) {
  const { node, pod, uid } = yield* findPod(order)
  const { at, version, volumes } = yield* askNode(node, Option.some(namespacedName(pod)), order.nodeTimeout)
  const described = yield* Effect.forEach(volumes, (volume) =>
    Effect.map(conditionsOf(volume), (conditions) => ({ volume, conditions }))
  )
  const events = yield* eventsOn(pod, uid)
  yield* print(describeText({ node, version, at, volumes: described, events }))
})

/** `kubectl certlet describe`. */
export const describePod = command("describe", {
  below: pluginName,
  description: "Says all that is known of a pod's certificates: node, request, issuer, Events",
  examples: [{ description: "Why a pod has no certificate", command: `${pluginName} describe apps/web-0` }],
  flags: podFlags,
  does: (order) => Effect.provide(spoken(describe(order)), Operator.layer(order.kube))
})
