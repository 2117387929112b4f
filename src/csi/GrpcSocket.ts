/**
 * How a gRPC server comes to a unix socket and leaves it again. A name is taken only from the dead: what a killed process left
 * is removed, what a living one owns is not. Nobody can connect before the socket is root's alone, and a name that somebody
 * else has taken meanwhile is left to him. It stands behind both doors to the kubelet, the calls' and the registration's.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, existsSync, linkSync, lstatSync, unlinkSync } from "node:fs"
import { connect } from "node:net"
import { dirname, join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { Effect, Predicate } from "effect"
import { KubeletError } from "./Kubelet.ts"

/** The socket cannot be had, and why. */
export const unusable = (endpoint: string, detail: string) => new KubeletError({ reason: "Unusable", endpoint, detail })

const codeOf = (cause: unknown): unknown => (Predicate.hasProperty(cause, "code") ? cause.code : undefined)

/** True unless the kernel says that nobody listens: a process too busy to accept is alive. */
const isAlive = (endpoint: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect(endpoint)
    const settle = (alive: boolean) => {
      socket.destroy()
      resume(Effect.succeed(alive))
    }
    socket.once("connect", () => settle(true))
    socket.once("error", (cause) => settle(codeOf(cause) !== "ECONNREFUSED" && codeOf(cause) !== "ENOENT"))
    return Effect.sync(() => socket.destroy())
  })

const inUse = (endpoint: string) =>
  new KubeletError({
    reason: "InUse",
    endpoint,
    detail: "is already served by another process; run one certlet per node"
  })

const attempt = <A>(endpoint: string, calls: () => A): Effect.Effect<A, KubeletError> =>
  Effect.try({
    try: calls,
    catch: (cause) => (codeOf(cause) === "EEXIST" ? inUse(endpoint) : unusable(endpoint, String(cause)))
  })

/** Which socket it is, whatever its name; undefined where none is. */
export const whichSocket = (path: string): string | undefined => {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true })
  return found?.isSocket() ? `${found.dev}:${found.ino}:${found.birthtimeNs}` : undefined
}

/** Makes room for our socket: what a dead process left is removed, what a living one owns is not. */
const claim = Effect.fnUntraced(function* (endpoint: string) {
  const folder = dirname(endpoint)
  if (!existsSync(folder)) {
    return yield* unusable(endpoint, `its folder ${folder} does not exist; make it or choose another --endpoint`)
  }
  const found = yield* attempt(endpoint, () => lstatSync(endpoint, { throwIfNoEntry: false }))
  if (found === undefined) return
  if (!found.isSocket()) {
    return yield* unusable(endpoint, "what stands there is not a socket; remove it or choose another --endpoint")
  }
  const seen = yield* attempt(endpoint, () => whichSocket(endpoint))
  if (yield* isAlive(endpoint)) return yield* inUse(endpoint)
  yield* attempt(endpoint, () => {
    // Somebody who started with us may have replaced it meanwhile; then the link below finds the name taken.
    if (seen !== undefined && whichSocket(endpoint) === seen) unlinkSync(endpoint)
  })
})

const bindTo = (server: grpc.Server, path: string, endpoint: string): Effect.Effect<void, KubeletError> =>
  Effect.callback((resume) => {
    server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), (error) =>
      resume(error === null ? Effect.void : Effect.fail(unusable(endpoint, error.message)))
    )
  })

/**
 * Listens under another name first and takes the endpoint's name by a link, which fails where somebody was faster. So nobody
 * can connect before the mode is set, and Node, which removes the name it has listened on whoever owns it by then, removes
 * nobody else's socket. The other name is nobody else's either: two that start at once would link each other's sockets, and
 * one would serve nobody. It begins with a dot, which the kubelet's plugin watcher overlooks. Returns which socket is ours.
 */
export const takeSocket = Effect.fnUntraced(function* (server: grpc.Server, endpoint: string) {
  yield* claim(endpoint)
  const unready = join(dirname(endpoint), `.${randomBytes(4).toString("hex")}`)
  yield* bindTo(server, unready, endpoint)
  return yield* attempt(endpoint, () => {
    // Whoever may write to the socket may ask for certificates in any pod's name.
    chmodSync(unready, 0o600)
    linkSync(unready, endpoint)
    unlinkSync(unready)
    return whichSocket(endpoint)
  }).pipe(Effect.tapError(() => Effect.sync(() => server.forceShutdown())))
})

/** Removes the endpoint's name, if it still is our socket's. */
export const leaveSocket = (endpoint: string, ours: string | undefined) =>
  Effect.ignore(
    attempt(endpoint, () => {
      if (ours !== undefined && whichSocket(endpoint) === ours) unlinkSync(endpoint)
    })
  )
