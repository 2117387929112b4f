/**
 * The live `PodExec`: the API server's `pods/exec` over a WebSocket, with the connection and the credentials of all
 * other calls. Each message begins with the number of its stream: 1 and 2 are the command's outputs, 3 brings a
 * `Status` when the command has ended (v4 and v5 of `channel.k8s.io`, which differ only in what is never sent here).
 */
import { Effect, Result } from "effect"
import WebSocket, { type RawData } from "ws"
import { ApiError } from "./ApiError.ts"
import { longestText, type Oversized, refused, type Severed, severed } from "./KubeApiServer.ts"
import { type Connection, type KubeCredentials, tryConnection } from "./KubeCredentials.ts"
import { type ExecCall, type Executed, exitCodeIn, type PodExec } from "./PodExec.ts"

const protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"]

const urlOf = (server: string, { command, container, namespace, pod }: ExecCall): string => {
  const query = new URLSearchParams([
    ["container", container],
    ["stdout", "true"],
    ["stderr", "true"],
    ...command.map((word) => ["command", word])
  ])
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec`
  return `${server.replace(/^http/, "ws")}${path}?${query}`
}

const actionOf = ({ namespace, pod }: ExecCall): string => `exec into pod ${namespace}/${pod}`

const failed = (call: ExecCall, detail: string) =>
  new ApiError({ reason: "Unavailable", action: actionOf(call), detail })

/** A message's bytes, whichever form the library has chosen for them. */
const bytesOf = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? Buffer.from(data) : data

/** What the streams have brought so far. */
class Streams {
  readonly #parts = new Map<number, Array<Buffer>>()
  #length = 0

  /** False where it is more than is kept. */
  take(data: RawData): boolean {
    const message = bytesOf(data)
    const stream = message[0] ?? 0
    this.#length += message.length
    this.#parts.set(stream, [...(this.#parts.get(stream) ?? []), message.subarray(1)])
    return this.#length <= longestText
  }

  text(stream: number): string {
    return Buffer.concat(this.#parts.get(stream) ?? []).toString("utf8")
  }
}

const outcome = (call: ExecCall, streams: Streams): Effect.Effect<Executed, ApiError> => {
  const status = streams.text(3)
  if (status === "") return Effect.fail(failed(call, "the connection ended before the command did"))
  return Result.match(exitCodeIn(status), {
    onFailure: (detail) => Effect.fail(failed(call, detail)),
    onSuccess: (exitCode) => Effect.succeed({ exitCode, stdout: streams.text(1), stderr: streams.text(2) })
  })
}

/** Runs the command over one connection. */
const execute = (connection: Connection, call: ExecCall): Effect.Effect<Executed, ApiError | Severed | Oversized> =>
  Effect.callback((resume) => {
    const { agent, headers, server } = connection
    const socket = new WebSocket(urlOf(server, call), protocols, {
      agent,
      headers: { ...headers, "user-agent": "certlet" },
      perMessageDeflate: false,
      maxPayload: longestText
    })
    const streams = new Streams()
    socket.on("message", (data) => {
      if (!streams.take(data)) resume(Effect.fail(failed(call, "the answer is larger than certlet reads")))
    })
    socket.on("unexpected-response", (_, answer) =>
      resume(
        Effect.ensuring(
          refused(actionOf(call), answer),
          Effect.sync(() => answer.destroy())
        )
      )
    )
    socket.on("error", (cause) => resume(Effect.fail(severed(cause, false))))
    socket.on("close", () => resume(outcome(call, streams)))
    // A connection that is being made cannot be closed; nothing is left to be told of its end.
    return Effect.sync(() =>
      socket
        .removeAllListeners()
        .on("error", () => undefined)
        .terminate()
    )
  })

/** Containers of the cluster that these credentials are for. */
export const makePodExec = (credentials: KubeCredentials): PodExec["Service"] => ({
  run: (call) =>
    tryConnection(
      credentials,
      (connection) => execute(connection, call),
      (error) => error._tag === "ApiError" && error.reason === "Unauthorized"
    ).pipe(
      Effect.catchTag(["Severed", "CredentialsUnusable"], ({ detail }) => Effect.fail(failed(call, detail))),
      Effect.catchTag("Oversized", () => Effect.fail(failed(call, "the refusal is too long to be read")))
    )
})
