/**
 * The other side of the admin socket: asks the certlet that runs on this node, for `certlet status` and `certlet renew`. Who cannot
 * reach it is told why in a sentence: nobody is there, or one is not root, or what answered was not certlet.
 */
import { request } from "node:http"
import { Duration, Effect, Schema } from "effect"
import { NodeStatus, RenewAnswer } from "./AdminApi.ts"

/** The certlet of this node could not be asked. */
export class AdminError extends Schema.TaggedError<AdminError>()("AdminError", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no certlet is there: is it running on this node, with this --admin-socket or --data-root?",
  ECONNREFUSED: "no certlet answers there; it has ended or is about to start",
  EACCES: "only root may ask",
  ECONNRESET: "certlet ended before it answered; what it was asked for it takes up again when it starts"
}

const unreachable = (socket: string, cause: NodeJS.ErrnoException) =>
  new AdminError({ detail: `${socket}: ${reasons[cause.code ?? ""] ?? cause.message}` })

const ask = (socket: string, method: "GET" | "POST", path: string): Effect.Effect<string, AdminError> =>
  Effect.callback((resume) => {
    const asking = request({ socketPath: socket, method, path, headers: { host: "certlet" } }, (answer) => {
      let text = ""
      answer.setEncoding("utf8")
      answer.on("data", (part: string) => {
        text += part
      })
      answer.on("error", (cause) => resume(Effect.fail(unreachable(socket, cause))))
      answer.on("end", () =>
        resume(
          answer.statusCode === 200
            ? Effect.succeed(text)
            : Effect.fail(new AdminError({ detail: `${socket}: answered ${answer.statusCode}: ${text.trim()}` }))
        )
      )
    })
    asking.on("error", (cause) => resume(Effect.fail(unreachable(socket, cause))))
    asking.end()
    return Effect.sync(() => asking.destroy())
  })

const reading = (socket: string) =>
  Effect.mapError(() => new AdminError({ detail: `${socket}: what answered there is not this version of certlet` }))

/** How the node's certlet and its volumes are. */
export const askStatus = (socket: string): Effect.Effect<NodeStatus, AdminError> =>
  Effect.flatMap(ask(socket, "GET", "/status"), (text) =>
    Schema.decodeUnknownEffect(Schema.fromJsonString(NodeStatus))(text).pipe(reading(socket))
  )

/** Has a volume renewed, and waits for it as long as the patience lasts. */
export const askRenewal = (
  socket: string,
  volumeId: string,
  patience: Duration.Duration
): Effect.Effect<RenewAnswer, AdminError> => {
  const query = new URLSearchParams({ volume: volumeId, patience: String(Duration.toMillis(patience)) })
  return Effect.flatMap(ask(socket, "POST", `/renew?${query}`), (text) =>
    Schema.decodeUnknownEffect(Schema.fromJsonString(RenewAnswer))(text).pipe(reading(socket))
  )
}
