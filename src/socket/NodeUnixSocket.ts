/**
 * How a server takes a unix socket and leaves it again. What a killed process has left is removed; what a living
 * process owns is not. Nobody can connect before the socket is root's alone, and a name that another process has taken
 * in the meantime stays with that process. It stands behind the doors to the kubelet and to the operator.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, existsSync, linkSync, lstatSync, readdirSync, unlinkSync } from "node:fs"
import { connect } from "node:net"
import { dirname, join } from "node:path"
import { Effect, Schema } from "effect"
import { errnoOf } from "../spec/errnoOf.ts"

/** The socket cannot be had. `InUse`: a living process owns the name. `Unusable`: everything else, see `detail`. */
export class SocketError extends Schema.TaggedError<SocketError>()("SocketError", {
  reason: Schema.Literals(["InUse", "Unusable"]),
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `socket ${this.path}: ${this.detail}`
  }
}

/** The socket cannot be had, and no other process is the reason. */
export const unusable = (path: string, detail: string) => new SocketError({ reason: "Unusable", path, detail })

/** True unless the kernel says that nobody listens: a process too busy to accept is alive. */
const isAlive = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect(path)
    const settle = (alive: boolean) => {
      socket.destroy()
      resume(Effect.succeed(alive))
    }
    socket.once("connect", () => settle(true))
    socket.once("error", (cause) => settle(errnoOf(cause) !== "ECONNREFUSED" && errnoOf(cause) !== "ENOENT"))
    return Effect.sync(() => socket.destroy())
  })

const inUse = (path: string) =>
  new SocketError({
    reason: "InUse",
    path,
    detail: "is already served by another process; run one certlet per node"
  })

const attempt = <A>(path: string, calls: () => A): Effect.Effect<A, SocketError> =>
  Effect.try({
    try: calls,
    catch: (cause) => (errnoOf(cause) === "EEXIST" ? inUse(path) : unusable(path, String(cause)))
  })

/** Which socket it is, whatever its name; undefined where none is. */
export const whichSocket = (path: string): string | undefined => {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true })
  return found?.isSocket() ? `${found.dev}:${found.ino}:${found.birthtimeNs}` : undefined
}

/**
 * The name under which a server listens until its socket is ready; the kubelet's plugin watcher overlooks names with a
 * dot.
 */
const unreadyName = (): string => `.${randomBytes(4).toString("hex")}`
const isUnreadyName = (name: string): boolean => /^\.[0-9a-f]{8}$/.test(name)

/** Removes what processes have left that were killed before their socket was ready. */
const sweep = Effect.fnUntraced(function* (folder: string) {
  const names = yield* attempt(folder, () => readdirSync(folder).filter(isUnreadyName))
  for (const path of names.map((name) => join(folder, name))) {
    const seen = yield* attempt(path, () => whichSocket(path))
    if (seen !== undefined && !(yield* isAlive(path))) yield* leaveSocket(path, seen)
  }
})

/** Makes room for our socket: what a dead process left is removed, what a living one owns is not. */
const claim = Effect.fnUntraced(function* (path: string, flag: string) {
  const folder = dirname(path)
  if (!existsSync(folder)) {
    return yield* unusable(path, `its folder ${folder} does not exist; make it or choose another ${flag}`)
  }
  yield* sweep(folder)
  const found = yield* attempt(path, () => lstatSync(path, { throwIfNoEntry: false }))
  if (found === undefined) return
  if (!found.isSocket()) {
    return yield* unusable(path, `what stands there is not a socket; remove it or choose another ${flag}`)
  }
  const seen = yield* attempt(path, () => whichSocket(path))
  if (yield* isAlive(path)) return yield* inUse(path)
  yield* attempt(path, () => {
    // Somebody who started with us may have replaced it meanwhile; then the link below finds the name taken.
    if (seen !== undefined && whichSocket(path) === seen) unlinkSync(path)
  })
})

/** A socket to be taken: its path, the flag that names it, and how a server comes to listen at a path. */
export interface SocketOrder<E, R> {
  readonly path: string
  readonly flag: string
  readonly bind: (path: string) => Effect.Effect<void, E, R>
}

/**
 * Listens under another name first and takes the socket's name by a link, which fails where another process was
 * faster. So nobody can connect before the mode is set, and Node, which at its end removes the name it has listened
 * on, removes nobody else's socket. The other name is random: two processes that start at once would otherwise link
 * each other's sockets, and one of them would serve nobody. Answers which socket is ours.
 */
const takeSocket = Effect.fnUntraced(function* <E, R>({ bind, flag, path }: SocketOrder<E, R>) {
  yield* claim(path, flag)
  const unready = join(dirname(path), unreadyName())
  yield* bind(unready)
  return yield* attempt(path, () => {
    // Whoever may write to the socket may ask for certificates in any pod's name.
    chmodSync(unready, 0o600)
    linkSync(unready, path)
    unlinkSync(unready)
    return whichSocket(path)
  })
})

/** Removes the socket's name, if it still is our socket's. */
const leaveSocket = (path: string, ours: string | undefined) =>
  Effect.ignore(
    attempt(path, () => {
      if (ours !== undefined && whichSocket(path) === ours) unlinkSync(path)
    })
  )

/** Takes the socket and leaves it when the scope closes; answers which socket is ours. */
export const holdSocket = <E, R>(order: SocketOrder<E, R>) =>
  Effect.acquireRelease(takeSocket(order), (ours) => leaveSocket(order.path, ours))
