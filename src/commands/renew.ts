/**
 * The command `certlet renew`, for `kubectl exec` into certlet's container: it has the process that runs there renew
 * the volumes of one pod now, over the admin socket, and says what came of it. It ends with 1 where one of them has no
 * new certificate.
 */
import { DateTime, Duration, Effect } from "effect"
import { type Command, Flag } from "effect/cli"
import { podName, volumeName } from "../admin/AdminApi.ts"
import { AdminError, askRenewal, askStatus } from "../admin/NodeAdminClient.ts"
import type { VolumeStatus } from "../driver/VolumeStatus.ts"
import { adminSocketOf, placeFlags } from "./AdminPlace.ts"
import { command } from "./command.ts"
import { ExitCode } from "./ExitCode.ts"
import * as Rules from "./FlagRules.ts"
import { argument, ruled } from "./Flags.ts"
import { volumesOfOnePod } from "./operator/chooseVolumes.ts"
import { print, remark } from "./operator/NodeOutput.ts"
import { renewedText } from "./operator/statusText.ts"
import { spoken } from "./report.ts"

const flags = {
  ...placeFlags,
  pod: argument("pod", Rules.nonEmpty, "NAME or NAMESPACE/NAME of a pod on this node, or a volume's id"),
  timeout: ruled("timeout", Rules.timeout, "how long to wait for the new certificate (default 1m)").pipe(
    Flag.withDefault(Duration.minutes(1))
  )
}

/** True where the volume has a new certificate. */
const renewOne = Effect.fnUntraced(function* (socket: string, timeout: Duration.Duration, volume: VolumeStatus) {
  const answer = yield* askRenewal(socket, volume.volumeId, timeout)
  if (answer.outcome === "renewed") {
    yield* print(`${renewedText(answer.volume, yield* DateTime.now)}\n`)
    return true
  }
  const outcome = answer.outcome === "waiting" ? "not renewed yet" : "not renewed"
  yield* remark(
    `pod ${podName(volume)}, volume ${volumeName(volume)}: ${outcome}: ${answer.sentence}; ${answer.advice}\n`
  )
  return false
})

const renewPod = Effect.fnUntraced(function* ({ pod, timeout, ...place }: Command.Command.Config.Infer<typeof flags>) {
  const socket = adminSocketOf(place)
  const { volumes } = yield* askStatus(socket)
  const chosen = yield* Effect.mapError(
    Effect.fromResult(volumesOfOnePod(pod, volumes)),
    (detail) => new AdminError({ detail })
  )
  const renewed = yield* Effect.forEach(chosen, (volume) => renewOne(socket, timeout, volume), {
    concurrency: "unbounded"
  })
  if (!renewed.every((done) => done)) yield* new ExitCode({ code: 1 })
})

/** `certlet renew`. */
export const renew = command("renew", {
  description: "Renews a pod's certificates now, and says what came of it: for kubectl exec",
  examples: [{ description: "Renew every volume of a pod", command: "certlet renew apps/web-0" }],
  flags,
  does: (order) => spoken(renewPod(order))
})
