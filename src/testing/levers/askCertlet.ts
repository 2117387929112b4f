/**
 * What an operator asks certlet about a pod, and how the trace hears of it: a renewal by hand, or a look at everything
 * that certlet tells of its volumes. A judge reads the answers, and no secret may be in them.
 */
import { Duration, Effect, Option } from "effect"
import type { Driver } from "../../driver/Driver.ts"
import type { SimNode } from "../parts/SimNode.ts"
import type { SimPodVolume } from "../parts/SimPod.ts"
import type { Question } from "../story/Happening.ts"

/** How long an operator waits for a renewal: the default of `certlet renew`. */
const renewalPatience = Duration.minutes(1)

const renewalOf =
  ({ volumeId }: SimPodVolume) =>
  (driver: Driver["Service"]) =>
    Effect.match(driver.renewNow(volumeId, renewalPatience), {
      onFailure: (error) => `not renewed: ${error.message}`,
      onSuccess: ({ state }) => `renewed, and ${state}`
    })

/** Status, the kubelet's report and the metrics. */
const lookAt =
  ({ volumeId }: SimPodVolume) =>
  (driver: Driver["Service"]) =>
    Effect.map(
      Effect.all([driver.status, Effect.option(driver.inspect(volumeId, Option.none())), driver.metrics]),
      ([status, report, metrics]) => `${JSON.stringify({ status, report })}\n${metrics}`
    )

/** Asks the certlet of a volume's node; comes back when it has answered, or is gone. */
export const askCertlet = Effect.fnUntraced(function* (node: SimNode, volume: SimPodVolume, question: Question) {
  node.observe({ _tag: "OperatorAsked", volume, question })
  const answer = yield* node
    .ask(question === "renew" ? renewalOf(volume) : lookAt(volume))
    .pipe(Effect.catch(({ sentence }) => Effect.succeed(`no answer: ${sentence}`)))
  node.observe({ _tag: "OperatorAnswered", volume, question, answer })
})
