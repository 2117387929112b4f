/**
 * The API server of a simulated cluster behind a simulated network: the third face of the embedded one. Each node has
 * its way to it, an `ApiServer` for the real clients: every call takes its way there and back, can be refused,
 * throttled or lost on either way, and is served whether or not its caller still lives. A watch gets each change in
 * order, late, perhaps twice, until its connection ends. A link that is cut carries nothing, and its clients find out
 * as real ones do.
 */
import { Clock, Deferred, Duration, Effect, FiberSet, Option, Random, Redacted, Result, type Scope } from "effect"
import { type Refusal, refusal, refusalOf, statusBody } from "../../embedded/ApiStatus.ts"
import { type ApiUser, certletUser } from "../../embedded/ApiUser.ts"
import { EmbeddedApi } from "../../embedded/EmbeddedApi.ts"
import { type Call, callOf } from "../../embedded/ResourceApi.ts"
import { errorEvent, type ResourceWatch, type WatchEvent } from "../../embedded/ResourceWatch.ts"
import { ApiError, apiFailure } from "../../kube/ApiError.ts"
import type { ApiCall, ApiServer, EventReader } from "../../kube/ApiServer.ts"
import type { Happening } from "../story/Happening.ts"
import { calmApi } from "./ApiBehaviour.ts"
import { Dice } from "./Dice.ts"
import { type Link, SimConnection } from "./SimConnection.ts"
import { SimWatches } from "./SimWatches.ts"

/** What becomes of a call on its way. */
type Fate = "arrives" | "throttled" | "request lost" | "answer lost"

/** How long a client waits for an answer that does not come, in milliseconds: the default of `--request-timeout`. */
const requestTimeout = 30_000
/** A server sends its watchers a bookmark about once a minute. */
const bookmarkInterval = Duration.minutes(1)

const webhookDown: Refusal = {
  code: 500,
  reason: "InternalError",
  message: 'Internal error occurred: failed calling webhook "webhook.cert-manager.io" (simulated)'
}

/** The API server and the network. */
export class SimApiServer {
  readonly api: EmbeddedApi
  readonly dice: Dice
  behaviour = calmApi
  /** Whose a token is; undefined refuses it. */
  userOf: (token: string) => ApiUser | undefined = () => certletUser
  readonly observe: (where: string, what: Happening) => void
  readonly #run: (effect: Effect.Effect<unknown>) => unknown
  readonly #now: () => number
  readonly watches: SimWatches
  /** The node whose call is being served. */
  #acting: string | undefined

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
    this.watches = new SimWatches(this.run)
    this.api = new EmbeddedApi({ now: options.now, uid: this.dice.uuid })
    const { events, requests } = this.api.stores
    requests.subscribe(({ object, type }) => {
      if (type === "ADDED") this.observe("api", { _tag: "RequestCreated", object })
      if (type === "DELETED") this.observe("api", { _tag: "RequestDeleted", object, by: this.#acting })
    })
    events.subscribe(({ object, type }) => {
      if (type !== "DELETED") this.observe("api", { _tag: "EventWritten", object })
    })
    this.run(this.#sendBookmarks)
  }

  /**
   * Sends a bookmark to every watch, once a minute for all of them: most of what happens in a quiet cluster is this. A
   * bookmark waits only for events that are on their way, because a late one says nothing that an early one does not.
   */
  readonly #sendBookmarks: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(this.watches.bookmark, Effect.delay(this.#sendBookmarks, bookmarkInterval))
  )

  /** Runs something of the cluster, not of its caller: by the true clock, and it outlives the caller. */
  readonly run = (effect: Effect.Effect<unknown>): void =>
    void this.#run(Effect.provideService(effect, Random.Random, this.dice.random))

  /** A node's way to this server. */
  readonly connect = (link: Link): ApiServer["Service"] => ({
    call: (call) =>
      this.#carry(link, call.action, () => {
        const parsed = this.#paged(callOf(call.method, call.path, call.query))
        if (parsed === "expired") return Result.fail(refusal.expired("The provided continue parameter is too old"))
        const isRequest = parsed?.resource === "requests" && parsed.verb === "create"
        if (isRequest && this.behaviour.webhook === "down") return Result.fail(webhookDown)
        this.#acting = link.node
        const served = this.api.act(this.#callerOf(call), parsed, call.body)
        this.#acting = undefined
        return Result.map(served, ({ body }) => body)
      }),
    follow: (call, reader) => this.#follow(link, call, reader)
  })

  /** A list with no larger pages than this server gives; "expired" where the next one is no longer known. */
  #paged(call: Call | undefined): Call | "expired" | undefined {
    const { pageSize, pagesExpired } = this.behaviour
    if (call?.verb !== "list" || pageSize === 0) return call
    if (call.query.continue !== undefined && this.dice.chance(pagesExpired)) return "expired"
    const asked = Number(call.query.limit ?? 0) || pageSize
    return { ...call, query: { ...call.query, limit: String(Math.min(asked, pageSize)) } }
  }

  get #certlet(): ApiUser {
    const { forbidden } = this.behaviour
    const withheld = Object.fromEntries(forbidden.map((resource) => [resource, []]))
    return forbidden.length === 0 ? certletUser : { ...certletUser, verbs: { ...certletUser.verbs, ...withheld } }
  }

  #callerOf({ token = Option.none() }: ApiCall): ApiUser | undefined {
    return Option.match(token, { onNone: () => this.#certlet, onSome: (text) => this.userOf(Redacted.value(text)) })
  }

  /** Carries a call to the server and its answer back; `serve` learns when that answer arrives. */
  #carry<A>(
    link: Link,
    action: string,
    serve: (answered: number) => Result.Result<A, Refusal>
  ): Effect.Effect<A, ApiError> {
    return Effect.suspend(() => {
      const unanswered = Effect.suspend(() => this.#unanswered(link, action, "no answer"))
      const silence = Effect.delay(unanswered, requestTimeout)
      if (link.cut) return silence
      const [there, back] = [this.#draw(this.behaviour.callLatency), this.#draw(this.behaviour.callLatency)]
      const fate = this.#fate()
      const arrive = Effect.suspend(() => this.#arrive(link, action, () => serve(this.#now() + back), fate))
      if (there + back === 0) return arrive
      return Effect.gen({ self: this }, function* (this: SimApiServer) {
        const reply = yield* Deferred.make<A, ApiError>()
        const unlessCut = <B, E>(arrival: Effect.Effect<B, E>) =>
          Effect.when(
            arrival,
            Effect.sync(() => !link.cut)
          )
        const answer = Effect.flatMap(Effect.delay(unlessCut(Effect.exit(arrive)), there), (exit) =>
          Option.isNone(exit) ? Effect.void : Effect.delay(unlessCut(Deferred.done(reply, exit.value)), back)
        )
        this.run(answer)
        return yield* Effect.raceFirst(Deferred.await(reply), silence)
      })
    })
  }

  #follow(link: Link, call: ApiCall, reader: EventReader): Effect.Effect<void, ApiError> {
    return Effect.suspend(() => {
      const connection = new SimConnection(link, call.action, reader)
      const parsed = callOf(call.method, call.path, call.query)
      const grant = (answered: number): Result.Result<void, Refusal> => {
        const watch = this.api.watch(this.#callerOf(call), parsed)
        if (Result.isFailure(watch)) {
          // Real servers say that a place is forgotten by either.
          if (watch.failure.code !== 410 || this.dice.chance(0.5)) return Result.fail(watch.failure)
          connection.take(errorEvent(watch.failure))
          return Result.void
        }
        connection.resource = parsed?.resource
        connection.arrival = answered
        this.#begin(connection, watch.success)
        return Result.void
      }
      return this.#carry(link, call.action, grant).pipe(
        Effect.andThen(reader.opened),
        Effect.andThen(Effect.sync(connection.granted)),
        Effect.andThen(Deferred.await(connection.ended)),
        Effect.ensuring(Effect.sync(() => this.watches.close(connection)))
      )
    })
  }

  /** The server begins to tell when the call has reached it, not when its answer is back. */
  #begin(connection: SimConnection, watch: ResourceWatch): void {
    this.watches.add(connection)
    const end = watch.begin((event) => this.#deliver(connection, event))
    let isTold = true
    connection.unsubscribe = () => {
      isTold = false
      end()
    }
    connection.bookmark = () => {
      const event = isTold ? watch.bookmark() : undefined
      if (event !== undefined) this.#later(connection, () => connection.take(event))
    }
    if (watch.timeoutSeconds === 0) return
    const timeout = Effect.sync(() => {
      if (!isTold) return
      connection.bookmark()
      connection.unsubscribe()
      this.#later(connection, () => connection.finish(Effect.void))
    })
    this.run(Effect.delay(timeout, Duration.seconds(watch.timeoutSeconds)))
  }

  #draw(most: Duration.Duration): number {
    const millis = Duration.toMillis(most)
    return millis === 0 ? 0 : Math.ceil(this.dice.between(0, millis))
  }

  #retryAfter(): string {
    const most = Math.ceil(this.behaviour.retryAfterSeconds)
    return most <= 1 ? "1" : String(this.dice.whole(1, most + 1))
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
  ): Effect.Effect<A, ApiError> {
    const { api } = this.behaviour
    if (api !== "up") return this.#fail(link, new ApiError({ reason: api, action, detail: "simulated" }))
    if (fate === "throttled") return this.#refuse(link, action, refusalOf(429, this.#retryAfter()))
    if (fate === "request lost") return this.#unanswered(link, action, "connection reset")
    const answer = serve()
    if (fate === "answer lost") return this.#unanswered(link, action, "connection reset")
    return Result.isSuccess(answer) ? Effect.succeed(answer.success) : this.#refuse(link, action, answer.failure)
  }

  #refuse(link: Link, action: string, no: Refusal): Effect.Effect<never, ApiError> {
    const answer = { status: no.code, retryAfter: no.retryAfter, body: statusBody(no) }
    return this.#fail(link, apiFailure(action, answer, this.#now()))
  }

  #unanswered(link: Link, action: string, detail: string): Effect.Effect<never, ApiError> {
    return this.#fail(link, new ApiError({ reason: "Unavailable", action, detail: `${detail} (simulated)` }))
  }

  #fail({ node }: Link, error: ApiError): Effect.Effect<never, ApiError> {
    return Effect.suspend(() => {
      const { action, reason, retryAfterMillis = 0 } = error
      this.observe(node, { _tag: "CallFailed", action, reason, retryAfterMillis })
      return Effect.fail(error)
    })
  }

  /** An event on its way: behind those that are on theirs. */
  #deliver(connection: SimConnection, event: WatchEvent): void {
    connection.arrival = Math.max(connection.arrival, this.#now() + this.#draw(this.behaviour.watchLatency))
    const times = this.dice.chance(this.behaviour.duplicated) ? 2 : 1
    this.#later(connection, () => {
      for (let i = 0; i < times; i++) connection.take(event)
    })
  }

  /** Does something when the last event on its way has arrived. */
  #later({ arrival }: SimConnection, act: () => void): void {
    const left = arrival - this.#now()
    if (left <= 0) act()
    else this.run(Effect.delay(Effect.sync(act), left))
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
