/**
 * The command `certlet status`, for `kubectl exec` into certlet's container: it asks the process that runs there, over
 * the admin socket, and prints this node's volumes, or those of one pod in detail.
 */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { NodeStatus } from "../admin/AdminApi.ts"
import { AdminError, askStatus } from "../admin/NodeAdminClient.ts"
import { adminSocketOf, placeFlags } from "./AdminPlace.ts"
import * as Rules from "./FlagRules.ts"
import { argument, ruled } from "./Flags.ts"
import { volumesOf } from "./operator/chooseVolumes.ts"
import { outputWidth, print, printJson, remark } from "./operator/NodeOutput.ts"
import { statusDetails, statusSummary, statusTable } from "./operator/statusText.ts"
import { spoken } from "./report.ts"

const flags = {
  ...placeFlags,
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

const showStatus = Effect.fnUntraced(function* ({ output, pod, ...place }: Command.Command.Config.Infer<typeof flags>) {
  const whole = yield* askStatus(adminSocketOf(place))
  const volumes = yield* Option.match(pod, {
    onNone: () => Effect.succeed(whole.volumes),
    onSome: (word) =>
      Effect.mapError(Effect.fromResult(volumesOf(word, whole.volumes)), (detail) => new AdminError({ detail }))
  })
  const status = { ...whole, volumes }
  const layout = Option.getOrElse(output, () => "plain" as const)
  if (layout === "json") return yield* printJson(NodeStatus, status)
  if (layout === "plain" && Option.isSome(pod)) return yield* print(statusDetails(volumes, whole.at))
  // Whoever asks for everything gets whole lines, however wide.
  const width = layout === "plain" ? yield* outputWidth : Number.POSITIVE_INFINITY
  yield* print(statusTable(status, layout, width))
  yield* remark(statusSummary(status))
})

/** `certlet status`. */
export const status = Command.make("status", flags, (order) => spoken(showStatus(order))).pipe(
  Command.withDescription("Shows this node's volumes, or one pod's in detail: for kubectl exec")
)
