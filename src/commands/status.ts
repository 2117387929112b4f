/**
 * The command `certlet status`, for `kubectl exec` into certlet's container: it asks the process that runs there, over
 * the admin socket, and prints this node's volumes, or those of one pod in detail; once, or again and again.
 */
import { DateTime, Duration, Effect, Option } from "effect"
import { Argument, type Command, Flag } from "effect/cli"
import { NodeStatus } from "../admin/AdminApi.ts"
import { AdminError, askStatus } from "../admin/NodeAdminClient.ts"
import { paintFor } from "../observability/NodePaint.ts"
import { adminSocketOf, placeFlags } from "./AdminPlace.ts"
import { command } from "./command.ts"
import * as Rules from "./FlagRules.ts"
import { argument, ruled } from "./Flags.ts"
import { inNamespace, inStates, volumesOf } from "./operator/chooseVolumes.ts"
import { filterFlags } from "./operator/filterFlags.ts"
import { keepShowing, type Picture } from "./operator/keepShowing.ts"
import { jsonText, outputWidth, print, remark } from "./operator/NodeOutput.ts"
import { statusDetails, statusSummary, statusTable } from "./operator/statusText.ts"
import { spoken, untilSignal } from "./report.ts"

const flags = {
  ...placeFlags,
  ...filterFlags,
  pod: argument(
    "pod",
    Rules.nonEmpty,
    "NAME or NAMESPACE/NAME of a pod on this node, or a volume's id: everything about its volumes"
  ).pipe(Argument.optional),
  output: ruled(
    "output",
    Rules.oneOf(["wide", "json"]),
    "wide: more columns, absolute times; json: everything, for programs"
  ).pipe(Flag.withAlias("o"), Flag.optional)
}

type Order = Command.Command.Config.Infer<typeof flags>

/** Stands for the time at which two answers were given that are the same otherwise. */
const unchanging = DateTime.makeUnsafe(0)

/** How often a node is asked again. */
const watchPause = Duration.seconds(2)

const picture = Effect.fnUntraced(function* ({ namespace, output, pod, state, ...place }: Order) {
  const whole = yield* askStatus(adminSocketOf(place))
  const filter = { namespace, states: state }
  const known = inNamespace(whole.volumes, filter)
  const meant = yield* Option.match(pod, {
    onNone: () => Effect.succeed(known),
    onSome: (word) => Effect.mapError(Effect.fromResult(volumesOf(word, known)), (detail) => new AdminError({ detail }))
  })
  const volumes = inStates(meant, filter)
  const status = { ...whole, volumes }
  const json = yield* jsonText(NodeStatus, status)
  const essence = yield* jsonText(NodeStatus, { ...status, at: unchanging })
  const layout = Option.getOrElse(output, () => "plain" as const)
  const shown: Picture = { text: json, summary: "", essence }
  if (layout === "json") return shown
  if (layout === "plain" && Option.isSome(pod)) return { ...shown, text: statusDetails(volumes, whole.at) }
  const text = statusTable(status, { layout, width: yield* outputWidth, paint: paintFor("stdout") })
  return { ...shown, text, summary: statusSummary(status, Option.isSome(pod) ? meant.length : whole.volumes.length) }
})

const showStatus = Effect.fnUntraced(function* (order: Order) {
  const { summary, text } = yield* picture(order)
  yield* print(text)
  yield* remark(summary)
})

/** `certlet status`. */
export const status = command("status", {
  description: "Shows this node's volumes, or one pod's in detail: for kubectl exec",
  examples: [
    { description: "Every volume of this node", command: "certlet status" },
    { description: "What is in trouble, again and again", command: "certlet status --state Failing,Refused -w" },
    { description: "Everything about one pod's volumes", command: "certlet status apps/web-0" }
  ],
  flags,
  does: (order) =>
    order.watch ? untilSignal(spoken(keepShowing(picture(order), watchPause))) : spoken(showStatus(order))
})
