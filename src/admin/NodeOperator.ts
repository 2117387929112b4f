/**
 * `certlet status` and `certlet renew`, for `kubectl exec` into certlet's container: they ask the process that runs beside them,
 * over the admin socket, and print what it says. Tables and values go to standard output, and what is said about them to
 * standard error, so that a pipe holds nothing but the table. Both end with code 1 where the answer is no.
 */
import { DateTime, type Duration, Effect, Option, Schema } from "effect"
import type { VolumeStatus } from "../driver/VolumeStatus.ts"
import { NodeStatus, podName, volumeName } from "./AdminApi.ts"
import { volumesOf, volumesOfOnePod } from "./chooseVolumes.ts"
import { AdminError, askRenewal, askStatus } from "./NodeAdminClient.ts"
import { renewedText, statusDetails, statusSummary, statusTable } from "./statusText.ts"

const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  text === ""
    ? Effect.void
    : Effect.callback((resume) => {
        // Whoever reads (`head`, a pager) may have seen enough, and that is no failure.
        stream.once("error", () => resume(Effect.void))
        stream.write(text, () => resume(Effect.void))
      })

const print = (text: string) => write(process.stdout, text)
const say = (text: string) => write(process.stderr, text)

const json = <A, I>(schema: Schema.Codec<A, I>, value: A) =>
  Effect.map(Effect.orDie(Schema.encodeEffect(schema)(value)), (encoded) => `${JSON.stringify(encoded, null, 2)}\n`)

/** How wide a line may be: as wide as it likes where nobody looks at it, or somebody has asked for everything. */
const widthOf = (stream: NodeJS.WriteStream, layout: "plain" | "wide"): number =>
  layout === "plain" && stream.isTTY === true ? Math.max(stream.columns ?? 80, 40) : Number.POSITIVE_INFINITY

/** What `certlet status` was asked. */
export interface StatusOrder {
  readonly socket: string
  readonly pod: Option.Option<string>
  readonly output: Option.Option<"wide" | "json">
}

/** Prints this node's volumes, or those of one pod in detail. */
export const showStatus = Effect.fnUntraced(function* ({ output, pod, socket }: StatusOrder) {
  const whole = yield* askStatus(socket)
  const volumes = yield* Option.match(pod, {
    onNone: () => Effect.succeed(whole.volumes),
    onSome: (word) =>
      Effect.mapError(Effect.fromResult(volumesOf(word, whole.volumes)), (detail) => new AdminError({ detail }))
  })
  const status = { ...whole, volumes }
  const layout = Option.getOrElse(output, () => "plain" as const)
  if (layout === "json") return yield* print(yield* json(NodeStatus, status))
  if (layout === "plain" && Option.isSome(pod)) return yield* print(statusDetails(volumes, whole.at))
  yield* print(statusTable(status, layout, widthOf(process.stdout, layout)))
  yield* say(statusSummary(status))
})

/** What `certlet renew` was asked. */
export interface RenewOrder {
  readonly socket: string
  readonly pod: string
  readonly timeout: Duration.Duration
}

const renewOne = Effect.fnUntraced(function* (order: RenewOrder, volume: VolumeStatus) {
  const answer = yield* askRenewal(order.socket, volume.volumeId, order.timeout)
  if (answer.outcome === "renewed") {
    yield* print(`${renewedText(answer.volume, yield* DateTime.now)}\n`)
    return true
  }
  const outcome = answer.outcome === "waiting" ? "not renewed yet" : "not renewed"
  yield* say(`pod ${podName(volume)}, volume ${volumeName(volume)}: ${outcome}: ${answer.sentence}; ${answer.advice}\n`)
  return false
})

/** Renews the volumes of one pod now, all at once; true where each of them has a new certificate. */
export const renewNow = Effect.fnUntraced(function* (order: RenewOrder) {
  const { volumes } = yield* askStatus(order.socket)
  const chosen = yield* Effect.mapError(
    Effect.fromResult(volumesOfOnePod(order.pod, volumes)),
    (detail) => new AdminError({ detail })
  )
  const renewed = yield* Effect.forEach(chosen, (volume) => renewOne(order, volume), { concurrency: "unbounded" })
  return renewed.every((done) => done)
})
