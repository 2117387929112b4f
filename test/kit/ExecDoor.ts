/**
 * An API server whose containers can be entered: what the embedded cluster serves is passed on to it, in the name of
 * its admin, and `pods/exec` is served here, over a WebSocket as the real one speaks it (v4 and v5 of
 * `channel.k8s.io`). A test says what a command in a pod does. It listens in clear text on loopback.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { request as overHttps } from "node:https"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { Effect } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import type { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import type { Executed } from "../../src/kube/PodExec.ts"

/** What was asked of a container. */
export interface Entered {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly command: ReadonlyArray<string>
}

/** An answer of the API server's own: a refusal, or words on why a command cannot be run. */
export type Enter = (
  entered: Entered
) => Effect.Effect<Executed | { readonly refused: number; readonly message: string } | { readonly unable: string }>

const execPath = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/exec$/

const enteredBy = (request: IncomingMessage): Entered | undefined => {
  const url = new URL(request.url ?? "/", "http://localhost")
  const [, namespace = "", pod = ""] = execPath.exec(url.pathname) ?? []
  const query = url.searchParams
  return pod === ""
    ? undefined
    : { namespace, pod, container: query.get("container") ?? "", command: query.getAll("command") }
}

const send = (socket: WebSocket, stream: number, text: string): void => {
  // In pieces, as a real server sends what is long.
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 1000) {
    socket.send(Buffer.concat([Buffer.of(stream), bytes.subarray(at, at + 1000)]))
  }
}

const statusOf = (answer: Executed | { readonly unable: string }): object => {
  if ("unable" in answer) return { status: "Failure", reason: "InternalError", message: answer.unable, code: 500 }
  if (answer.exitCode === 0) return { metadata: {}, status: "Success" }
  return {
    metadata: {},
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with exit code ${answer.exitCode}`,
    details: { causes: [{ reason: "ExitCode", message: String(answer.exitCode) }] }
  }
}

const answerTo = (socket: WebSocket, answer: Executed | { readonly unable: string }): void => {
  if ("exitCode" in answer) {
    send(socket, 1, answer.stdout)
    send(socket, 2, answer.stderr)
  }
  send(socket, 3, JSON.stringify(statusOf(answer)))
  socket.close(1000)
}

const refuse = (socket: Duplex, code: number, message: string): void => {
  const body = JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, code })
  socket.end(
    `HTTP/1.1 ${code} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

const passOn = (cluster: EmbeddedCluster) => {
  const { users }: { users: ReadonlyArray<{ user: Record<string, string> }> } = JSON.parse(cluster.kubeconfig("admin"))
  const { "client-certificate-data": cert = "", "client-key-data": key = "" } = users[0]?.user ?? {}
  const identity = { cert: Buffer.from(cert, "base64"), key: Buffer.from(key, "base64"), ca: cluster.authority }
  return (request: IncomingMessage, response: ServerResponse) => {
    const { host: _, ...headers } = request.headers
    const options = { method: request.method, headers, agent: false, ...identity }
    const outgoing = overHttps(cluster.url + request.url, options, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(response)
    })
    outgoing.on("error", () => response.destroy())
    request.pipe(outgoing)
  }
}

/** Opens the door; its address. It closes with the scope. */
export const openExecDoor = Effect.fnUntraced(function* (cluster: EmbeddedCluster, enter: Enter) {
  const run = Effect.runPromiseWith(yield* Effect.context<never>())
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => ["v5.channel.k8s.io", "v4.channel.k8s.io"].find((one) => offered.has(one)) ?? false
  })
  const server = createServer(passOn(cluster))
  server.on("upgrade", (request, socket, head) => {
    const entered = enteredBy(request)
    if (entered === undefined) return refuse(socket, 404, "the server could not find the requested resource")
    void run(enter(entered)).then((answer) =>
      "refused" in answer
        ? refuse(socket, answer.refused, answer.message)
        : sockets.handleUpgrade(request, socket, head, (open) => answerTo(open, answer))
    )
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => void server.close())
  )
  // An edge: a TCP server's address is never a pipe's name.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
