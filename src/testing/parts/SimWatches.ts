/**
 * The watches that are open at a simulated API server, and what befalls all of them: they are dropped, ended in order,
 * go silent, get something that is no event, or their link is cut. What each of them makes of it is `SimConnection`'s
 * to say.
 */
import { Duration, Effect } from "effect"
import type { ResourceName } from "../../embedded/Resource.ts"
import { ApiError } from "../../kube/ApiError.ts"
import type { Link, SimConnection } from "./SimConnection.ts"

/**
 * So long after a link was cut its clients know: the probes of a connection that is idle begin after 15 seconds, and
 * ten of them go unanswered, a second apart.
 */
const cutNoticed = Duration.seconds(25)

const broken = ({ action }: SimConnection, detail: string) =>
  Effect.fail(new ApiError({ reason: "Unavailable", action, detail: `${detail} (simulated)` }))

/** The open watches. */
export class SimWatches {
  readonly #open = new Set<SimConnection>()
  readonly #run: (effect: Effect.Effect<unknown>) => void

  /** `run` runs something of the cluster's, by the true clock. */
  constructor(run: (effect: Effect.Effect<unknown>) => void) {
    this.#run = run
  }

  /** A watch was granted. */
  add(connection: SimConnection): void {
    this.#open.add(connection)
  }

  /** A watch is over for its client, by the client's own doing. */
  close(connection: SimConnection, how: Parameters<SimConnection["end"]>[0] = Effect.void): void {
    this.#open.delete(connection)
    connection.end(how)
  }

  /** How many are open on a resource. */
  readonly openOn = (resource: ResourceName): number =>
    [...this.#open].filter((connection) => connection.resource === resource).length

  /** Ends all of them, as a server does that goes, or a proxy that forgets. */
  readonly drop = (detail: string): Effect.Effect<void> =>
    this.#each((connection) => connection.finish(broken(connection, detail)))

  /** Ends all of them in order, before their time, as a server does that is told to stop. */
  readonly end: Effect.Effect<void> = this.#each((connection) => connection.finish(Effect.void))

  /** All of them get a bookmark, if their client has asked for any. */
  readonly bookmark: Effect.Effect<void> = this.#each((connection) => connection.bookmark())

  /** All of them go silent: their connections stay open, and nothing comes over them any more. */
  readonly silence: Effect.Effect<void> = this.#each((connection) => connection.silence())

  /** All of them get something that is no event. */
  readonly garble: Effect.Effect<void> = this.#each((connection) => connection.take(undefined))

  /** Nothing comes over a link any more, neither way, until `mend`; a watch falls when its client notices. */
  readonly cut = (link: Link): Effect.Effect<void> =>
    Effect.sync(() => {
      if (link.cut) return
      const cut = ++link.cuts
      link.cut = true
      const notice = Effect.sync(() => {
        if (!link.cut || link.cuts !== cut) return
        for (const connection of this.#over(link))
          this.close(connection, broken(connection, "the connection timed out"))
      })
      this.#run(Effect.delay(notice, cutNoticed))
    })

  /** A link is whole again: what was held back on it comes now. */
  readonly mend = (link: Link): Effect.Effect<void> =>
    Effect.sync(() => {
      link.cut = false
      for (const connection of this.#over(link)) connection.release()
    })

  #over(link: Link): ReadonlyArray<SimConnection> {
    return [...this.#open].filter((connection) => connection.link === link)
  }

  #each(act: (connection: SimConnection) => void): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const connection of [...this.#open]) act(connection)
    })
  }
}
