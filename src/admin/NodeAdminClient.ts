/**
 * The other side of the admin socket: asks the certlet that runs on this node, for `certlet status` and `certlet
 * renew`. An operator who cannot reach it reads why in a sentence: no certlet is there, or the operator is not root,
 * or what answered was not certlet.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Duration, Effect, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { errnoOf } from "../spec/errnoOf.ts"
import { NodeStatus, RenewAnswer } from "./AdminApi.ts"

/** The certlet of this node could not be asked. */
export class AdminError extends Schema.TaggedError<AdminError>()("AdminError", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

const endedEarly = "certlet ended before it answered; what it was asked for it takes up again when it starts"

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no certlet is there: is it running on this node, with this --admin-socket or --data-root?",
  ECONNREFUSED: "no certlet answers there; it has ended or is about to start",
  EACCES: "only root may ask",
  ECONNRESET: endedEarly,
  EPIPE: endedEarly
}

const notCertlet = "what answered there is not this version of certlet"

/** Asks at the socket; the answer is read as the schema says. */
const ask = <A, I>(
  socket: string,
  request: HttpClientRequest.HttpClientRequest,
  schema: Schema.Codec<A, I>
): Effect.Effect<A, AdminError> => {
  const refuse = (detail: string) => Effect.fail(new AdminError({ detail: `${socket}: ${detail}` }))
  return Effect.gen(function* () {
    const answer = yield* HttpClient.execute(HttpClientRequest.prependUrl(request, "http://certlet"))
    if (answer.status !== 200) return yield* refuse(`answered ${answer.status}: ${(yield* answer.text).trim()}`)
    return yield* HttpClientResponse.schemaBodyJson(schema)(answer)
  }).pipe(
    Effect.catchTag("SchemaError", () => refuse(notCertlet)),
    Effect.catchTag("HttpClientError", (error) =>
      refuse(error.reason._tag === "DecodeError" ? notCertlet : (reasons[errnoOf(error)] ?? error.message))
    ),
    Effect.provide(NodeHttpClient.layerNodeHttpOptions({ socketPath: socket }))
  )
}

/** How the node's certlet and its volumes are. */
export const askStatus = (socket: string): Effect.Effect<NodeStatus, AdminError> =>
  ask(socket, HttpClientRequest.get("/status"), NodeStatus)

/** Has a volume renewed, and waits for it as long as the patience lasts. */
export const askRenewal = (
  socket: string,
  volumeId: string,
  patience: Duration.Duration
): Effect.Effect<RenewAnswer, AdminError> => {
  const query = { volume: volumeId, patience: Duration.toMillis(patience) }
  return ask(socket, HttpClientRequest.setUrlParams(HttpClientRequest.post("/renew"), query), RenewAnswer)
}
