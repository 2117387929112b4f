/**
 * A socket that stands for as long as the process wants it to. Somebody may remove its name from the file system, as
 * happens where a kubelet's root is wiped; nobody could connect any more, and the server behind it would not notice.
 * So it is looked at every ten seconds, and served again where it is gone or could not be had.
 */
import { Effect, type Scope } from "effect"
import { whichSocket } from "./NodeUnixSocket.ts"
import { nextLook } from "./nextLook.ts"

/** A socket, and what is to be said about it. */
export interface StandingSocket<E, R> {
  readonly path: string
  /** Serves on the socket until the scope closes; answers which socket is ours. */
  readonly serve: Effect.Effect<string | undefined, E, R | Scope.Scope>
  readonly served: Effect.Effect<unknown>
  /** Somebody has removed the socket; it is served again at once. */
  readonly removed: Effect.Effect<void>
  /** The socket cannot be had; it is tried again. */
  readonly failed: (error: E) => Effect.Effect<void>
}

/** Serves on the socket until it is interrupted. */
export const keepStanding = <E, R>({
  failed,
  path,
  removed,
  serve,
  served
}: StandingSocket<E, R>): Effect.Effect<never, never, Exclude<R, Scope.Scope>> =>
  serve.pipe(
    Effect.tap(served),
    Effect.tap((ours) =>
      Effect.andThen(
        nextLook,
        Effect.sync(() => whichSocket(path) === ours)
      ).pipe(Effect.repeat({ while: (stands) => stands }))
    ),
    Effect.andThen(removed),
    Effect.scoped,
    Effect.catch((error) => Effect.andThen(failed(error), nextLook)),
    Effect.forever
  )
