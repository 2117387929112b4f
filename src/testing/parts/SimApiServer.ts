/**
 * The API server of a simulated cluster, as its clients meet it: every call takes its way there and back, can be refused,
 * throttled or lost on either way, and is applied by the server whether or not its caller still lives. Objects, versions and
 * history are those of the embedded API server's store; a watch gets each change in order, late, perhaps twice, until its
 * connection ends. What the cluster does with the objects is the controllers' business.
 */
import { Clock, DateTime, Deferred, Duration, Effect, FiberSet, Random, Result, type Scope } from "effect"
import type { Refusal } from "../../embedded/ApiStatus.ts"
import { type Change, ObjectStore, type StoredObject } from "../../embedded/ObjectStore.ts"
import { RequestError } from "../../issuance/CertificateRequests.ts"
import type { Happening } from "../story/Happening.ts"
import { instant } from "../story/Trace.ts"
import { Dice } from "./Dice.ts"

/** How the API server and the network before it behave from now on. Probabilities are per call or per event. */
export interface ApiBehaviour {
  /** What a call meets: it is answered, or fails with this reason. */
  readonly api: "up" | RequestError["reason"]
  /** The most that a call takes, each way; drawn anew for every call. */
  readonly callLatency: Duration.Duration
  /** The most that an event of a watch is late. */
  readonly watchLatency: Duration.Duration
  /** How many calls are throttled (429, with Retry-After). */
  readonly throttled: number
  /** How many calls are lost: half of them on their way there, half of them with their answer. */
  readonly lost: number
  /** How many events of a watch come twice. */
  readonly duplicated: number
}

/** An API server that is well. */
export const calmApi: ApiBehaviour = {
  api: "up",
  callLatency: Duration.zero,
  watchLatency: Duration.zero,
  throttled: 0,
  lost: 0,
  duplicated: 0
}

/** One node's way to the API server. */
export interface Link {
  readonly node: string
  cut: boolean
}

/** What becomes of a call on its way. */
type Fate = "arrives" | "throttled" | "request lost" | "answer lost"

/** What a watch is told. */
export type WatchEvent =
  | { readonly _tag: "Changed" | "Deleted"; readonly object: StoredObject }
  | { readonly _tag: "Bookmark"; readonly version: string }

/** What a client lists and watches. */
export interface Collection {
  /** The objects' plural, as calls and errors name it: "CertificateRequests". */
  readonly kind: string
  readonly store: ObjectStore
  /** Which of them. */
  readonly selects: (object: StoredObject) => boolean
}

interface Connection extends Collection {
  readonly link: Link
  readonly sink: (event: WatchEvent) => void
  readonly ended: Deferred.Deferred<void, RequestError>
  /** When the last event on its way arrives, in milliseconds. */
  arrival: number
  bookmarkedAt: number
  open: boolean
}

/** How long a client waits for an answer that does not come: the default of `--request-timeout`. */
const requestTimeout = Duration.seconds(30)
/** A server sends its watchers a bookmark about once a minute. */
const bookmarkInterval = 60_000
/** What the server asks a throttled client to wait, in milliseconds. */
const retryAfterMillis = 1000

const reasons: Readonly<Record<number, RequestError["reason"]>> = {
  400: "Invalid",
  401: "Unauthorized",
  404: "Missing",
  409: "Conflict",
  410: "Gone",
  422: "Invalid"
}

/** The API server. */
export class SimApiServer {
  /** The CertificateRequests. */
  readonly store: ObjectStore
  readonly pods: ObjectStore
  readonly configMaps: ObjectStore
  readonly clusterTrustBundles: ObjectStore
  readonly dice: Dice
  behaviour = calmApi
  /** Whose a token is; undefined refuses it. */
  userOf: (token: string) => string | undefined = () => "the token's own"
  readonly observe: (where: string, what: Happening) => void
  readonly #run: (effect: Effect.Effect<unknown>) => unknown
  readonly #now: () => number
  readonly #connections = new Set<Connection>()

  constructor(options: {
    readonly seed: string
    readonly run: (effect: Effect.Effect<unknown>) => unknown
    readonly now: () => number
    readonly observe: (where: string, what: Happening) => void
  }) {
    this.dice = new Dice(options.seed)
    this.#run = options.run
    this.#now = options.now
    this.observe = options.observe
    this.store = this.#keep("certificaterequests.cert-manager.io")
    this.pods = this.#keep("pods")
    this.configMaps = this.#keep("configmaps")
    this.clusterTrustBundles = this.#keep("clustertrustbundles.certificates.k8s.io")
  }

  /** RFC 3339, to the second. */
  readonly timestamp = (): string => `${DateTime.formatIso(instant(this.#now())).slice(0, 19)}Z`

  /** Runs something that belongs to the cluster and not to who calls: by the true clock, and it outlives the caller. */
  readonly run = (effect: Effect.Effect<unknown>): void =>
    void this.#run(Effect.provideService(effect, Random.Random, this.dice.random))

  /** One call of a client: `serve` is what the server does when it arrives. */
  readonly call = <A>(
    link: Link,
    action: string,
    serve: () => Result.Result<A, Refusal>
  ): Effect.Effect<A, RequestError> =>
    Effect.suspend(() => {
      if (link.cut) return Effect.delay(this.#unanswered(link, action, "no answer"), requestTimeout)
      const [there, back] = [this.#draw(this.behaviour.callLatency), this.#draw(this.behaviour.callLatency)]
      const fate = this.#fate()
      const arrive = Effect.suspend(() => this.#arrive(link, action, serve, fate))
      if (there + back === 0) return arrive
      return Effect.gen({ self: this }, function* (this: SimApiServer) {
        const reply = yield* Deferred.make<A, RequestError>()
        this.run(
          Effect.delay(Effect.exit(arrive), Duration.millis(there)).pipe(
            Effect.flatMap((exit) => Effect.delay(Deferred.done(reply, exit), Duration.millis(back)))
          )
        )
        return yield* Deferred.await(reply)
      })
    })

  /** Opens a watch from a version; comes back when the connection ends. */
  readonly watch = (
    link: Link,
    collection: Collection,
    version: string,
    sink: (event: WatchEvent) => void
  ): Effect.Effect<void, RequestError> =>
    Effect.gen({ self: this }, function* (this: SimApiServer) {
      const ended = yield* Deferred.make<void, RequestError>()
      const now = this.#now()
      const connection = { ...collection, link, sink, ended, arrival: now, bookmarkedAt: now, open: true }
      // The server begins to tell when the call has reached it, not when its answer is back.
      const begin = () =>
        Result.map(collection.store.since(Number(version)), (missed) => {
          this.#connections.add(connection)
          for (const change of missed) this.#tell(connection, change)
        })
      yield* this.call(link, `watch ${collection.kind}`, begin).pipe(
        Effect.andThen(Deferred.await(ended)),
        Effect.ensuring(Effect.sync(() => this.#close(connection)))
      )
    })

  /** Ends the watches that `which` picks, as a server does that goes, or a proxy that forgets. */
  readonly dropWatches = (which: (link: Link) => boolean, detail: string): Effect.Effect<void> =>
    Effect.sync(() => {
      for (const connection of [...this.#connections]) {
        if (!which(connection.link)) continue
        this.#close(connection)
        const action = `watch ${connection.kind}`
        Deferred.doneUnsafe(connection.ended, Effect.fail(new RequestError({ reason: "Unavailable", action, detail })))
      }
    })

  /** How many watches are open on what a store keeps. */
  readonly watchesOn = (store: ObjectStore): number =>
    [...this.#connections].filter((connection) => connection.store === store).length

  /** Forgets the history of everything: whoever watches from before this moment is too late (410). */
  readonly forget: Effect.Effect<void> = Effect.sync(() => {
    for (const store of [this.store, this.pods, this.configMaps, this.clusterTrustBundles]) store.compact()
  })

  #keep(resource: string): ObjectStore {
    const store = new ObjectStore({ resource, now: this.timestamp, uid: this.dice.uuid })
    store.subscribe((change) => this.#spread(store, change))
    return store
  }

  #close(connection: Connection): void {
    connection.open = false
    this.#connections.delete(connection)
  }

  #draw(most: Duration.Duration): number {
    const millis = Duration.toMillis(most)
    return millis === 0 ? 0 : Math.ceil(this.dice.between(0, millis))
  }

  #fate(): Fate {
    const { lost, throttled } = this.behaviour
    if (this.dice.chance(throttled)) return "throttled"
    if (!this.dice.chance(lost)) return "arrives"
    return this.dice.chance(0.5) ? "request lost" : "answer lost"
  }

  #arrive<A>(
    link: Link,
    action: string,
    serve: () => Result.Result<A, Refusal>,
    fate: Fate
  ): Effect.Effect<A, RequestError> {
    const { api } = this.behaviour
    if (api !== "up") return this.#refuse(link, new RequestError({ reason: api, action, detail: "simulated" }))
    if (fate === "throttled") {
      const detail = "too many requests (simulated)"
      return this.#refuse(link, new RequestError({ reason: "Throttled", action, detail, retryAfterMillis }))
    }
    if (fate === "request lost") return this.#unanswered(link, action, "connection reset")
    const answer = serve()
    if (fate === "answer lost") return this.#unanswered(link, action, "connection reset")
    if (Result.isSuccess(answer)) return Effect.succeed(answer.success)
    const { code, message } = answer.failure
    return this.#refuse(link, new RequestError({ reason: reasons[code] ?? "Unavailable", action, detail: message }))
  }

  #unanswered(link: Link, action: string, detail: string): Effect.Effect<never, RequestError> {
    return this.#refuse(link, new RequestError({ reason: "Unavailable", action, detail: `${detail} (simulated)` }))
  }

  #refuse({ node }: Link, error: RequestError): Effect.Effect<never, RequestError> {
    return Effect.suspend(() => {
      this.observe(node, { _tag: "CallFailed", action: error.action, reason: error.reason })
      return Effect.fail(error)
    })
  }

  #spread(store: ObjectStore, change: Change): void {
    for (const connection of this.#connections) if (connection.store === store) this.#tell(connection, change)
  }

  #tell(connection: Connection, { object, type, version }: Change): void {
    const now = this.#now()
    if (connection.selects(object)) {
      this.#deliver(connection, { _tag: type === "DELETED" ? "Deleted" : "Changed", object })
    } else if (now - connection.bookmarkedAt >= bookmarkInterval) {
      connection.bookmarkedAt = now
      this.#deliver(connection, { _tag: "Bookmark", version: String(version) })
    }
  }

  /** An event on its way: behind those that are on theirs. */
  #deliver(connection: Connection, event: WatchEvent): void {
    const now = this.#now()
    connection.arrival = Math.max(connection.arrival, now + this.#draw(this.behaviour.watchLatency))
    const times = this.dice.chance(this.behaviour.duplicated) ? 2 : 1
    const take = () => {
      for (let i = 0; i < times && connection.open; i++) connection.sink(event)
    }
    if (connection.arrival === now) take()
    else this.run(Effect.delay(Effect.sync(take), Duration.millis(connection.arrival - now)))
  }
}

/** An API server that lives as long as the scope. */
export const makeSimApiServer = Effect.fnUntraced(function* (
  seed: string,
  observe: (where: string, what: Happening) => void = () => undefined,
  run?: (effect: Effect.Effect<unknown>) => unknown
): Effect.fn.Return<SimApiServer, never, Scope.Scope> {
  const own = yield* FiberSet.makeRuntime()
  const clock = yield* Clock.Clock
  return new SimApiServer({ seed, run: run ?? own, now: () => clock.currentTimeMillisUnsafe(), observe })
})
