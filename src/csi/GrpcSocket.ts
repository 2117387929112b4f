/**
 * How a gRPC server comes to a unix socket: by the rules of `NodeUnixSocket`, and without credentials, because whoever
 * may open the socket is root. It stands behind both doors to the kubelet, the calls' and the registration's.
 */
import * as grpc from "@grpc/grpc-js"
import { Effect, type Scope } from "effect"
import * as NodeUnixSocket from "../socket/NodeUnixSocket.ts"
import { KubeletError } from "./Kubelet.ts"

/** The socket cannot be had, and why. */
export const unusable = (endpoint: string, detail: string) => new KubeletError({ reason: "Unusable", endpoint, detail })

const bindTo = (server: grpc.Server, path: string, endpoint: string): Effect.Effect<void, KubeletError> =>
  Effect.callback((resume) => {
    server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), (error) =>
      resume(error === null ? Effect.void : Effect.fail(unusable(endpoint, error.message)))
    )
  })

/**
 * Listens at the endpoint until the scope closes; answers which socket is ours. Whoever made the server shuts it down.
 */
export const holdSocket = (
  server: grpc.Server,
  endpoint: string
): Effect.Effect<string | undefined, KubeletError, Scope.Scope> =>
  NodeUnixSocket.holdSocket({
    path: endpoint,
    flag: "--endpoint",
    bind: (path) => bindTo(server, path, endpoint)
  }).pipe(
    Effect.catchTag("SocketError", ({ detail, reason }) => Effect.fail(new KubeletError({ reason, endpoint, detail })))
  )
