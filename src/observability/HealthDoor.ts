/**
 * The door for the kubelet's probes: a plain HTTP server at `--health-bind-address`. `/livez` says whether a restart
 * would help: it fails only where certlet's own socket no longer answers, and never once certlet is ending anyhow.
 * `/readyz` says whether certlet can do its work now: the socket answers, the watch is fresh, the kubelet has
 * registered the driver, and certlet is not ending. Each answers 200 with "ok", or 503 with a line for each check that
 * fails; with `?verbose`, a line for every check. It ends last, so that an end is seen.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { selfProbe } from "../csi/GrpcSelfProbe.ts"
import { Health, type HealthAnswer, isEnding, isWell } from "../Health.ts"
import { type BindAddress, Settings } from "../Settings.ts"
import { addressText, answerHttp, plain } from "../socket/NodeHttp.ts"

/** The address for probes cannot be had. */
class HealthError extends Schema.TaggedError<HealthError>()("HealthError", { detail: Schema.String }) {
  override get message(): string {
    return `--health-bind-address: ${this.detail}`
  }
}

/** A check as a line, in the notation of Kubernetes' own servers. */
const line = ({ complaint, name }: HealthAnswer): string =>
  Option.match(complaint, { onNone: () => `[+] ${name}: ok`, onSome: (said) => `[-] ${name}: ${said}` })

/** The answer to a probe: status and text. */
const probeAnswer = (
  answers: ReadonlyArray<HealthAnswer>,
  verbose: boolean
): { readonly status: number; readonly text: string } => {
  const well = isWell(answers)
  const shown = verbose ? answers : answers.filter(({ complaint }) => Option.isSome(complaint))
  return { status: well ? 200 : 503, text: [...shown.map(line), ...(well ? ["ok"] : [])].join("\n") }
}

const serve = Effect.fnUntraced(function* (place: BindAddress) {
  const { endpoint } = yield* Settings
  const board = yield* Health
  const socket = Effect.map(selfProbe(endpoint), (complaint): HealthAnswer => ({ name: "socket", complaint }))
  const answer = Effect.fnUntraced(function* (look: Effect.Effect<ReadonlyArray<HealthAnswer>>) {
    const { url } = yield* HttpServerRequest.HttpServerRequest
    const { status, text } = probeAnswer(yield* look, /[?&]verbose\b/.test(url))
    return plain(`${text}\n`, status)
  })
  // The socket goes first when certlet ends, and calls in flight have some time left: nobody shall cut it short.
  const alive = Effect.flatMap(board.look, (answers) =>
    isEnding(answers) ? Effect.succeed([]) : Effect.map(socket, (only) => [only])
  )
  yield* answerHttp(place, {
    "GET /livez": answer(alive),
    "GET /readyz": answer(Effect.zipWith(socket, board.look, (first, others) => [first, ...others]))
  }).pipe(Effect.mapError(({ cause }) => new HealthError({ detail: String(cause) })))
  yield* Effect.logInfo(`serving health on ${addressText(place)}`)
})

/** Serves probes where the settings say so. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(Settings, ({ healthBindAddress }) =>
    Option.match(healthBindAddress, { onNone: () => Effect.void, onSome: serve })
  )
)
