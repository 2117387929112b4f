/**
 * The one watch of this process: it lists the node's CertificateRequests, follows their changes from there, and writes what it
 * learns into the store, for ever. A connection that ends is taken up again where it ended; where the server no longer knows
 * that place (410), everything is listed anew, so that what was deleted meanwhile is noticed. Failures are met with backoff
 * and jitter, and with a warning when they last; nobody who waits on the store ever hears of them. Nothing polls: an idle
 * node holds one connection open and does nothing.
 */
import { Clock, Duration, Effect, Predicate, Random, Result, Schedule, Schema } from "effect"
import { CertificateRequest } from "./CertificateRequest.ts"
import { RequestError } from "./CertificateRequests.ts"
import { type KubeClient, parseJson } from "./KubeClient.ts"
import { requestFailure } from "./RequestFailure.ts"
import type { RequestStore } from "./RequestStore.ts"

/** The collection of CertificateRequests in all namespaces. */
export const requestsPath = "/apis/cert-manager.io/v1/certificaterequests"

/** What a list or an event holds, as far as it is read here; its objects are decoded one by one, so that one cannot spoil all. */
const ListPage = Schema.Struct({
  metadata: Schema.Struct({
    resourceVersion: Schema.String,
    continue: Schema.optionalKey(Schema.String)
  }),
  items: Schema.Array(Schema.Unknown)
})

const WatchEvent = Schema.Struct({
  type: Schema.Literals(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
  object: Schema.Unknown
})

const Bookmark = Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Schema.String }) })

const decodePage = Schema.decodeUnknownResult(ListPage)
const decodeEvent = Schema.decodeUnknownResult(WatchEvent)
const decodeBookmark = Schema.decodeUnknownResult(Bookmark)
const decodeRequest = Schema.decodeUnknownResult(CertificateRequest)

/** One page is a megabyte or two of JSON; larger ones would be felt in the memory of a small container. */
const pageSize = 200

/** How long a watch may last, in seconds: long enough to be rare, short enough that a dead one does not go unnoticed. */
const watchSeconds = { least: 300, most: 600 }
/** How much longer than that a server may take to end it. */
const watchGrace = Duration.seconds(30)

const backoff = Schedule.exponential("250 millis").pipe(
  Schedule.modifyDelay(({ duration }) =>
    Effect.map(Random.nextBetween(0.5, 1), (share) =>
      Duration.times(Duration.min(duration, Duration.seconds(15)), share)
    )
  )
)

/** Failing for less than this is everyday life: an API server that restarts. */
const patienceMillis = 30_000
const warningIntervalMillis = 300_000

const longestRetryAfter = Duration.minutes(1)

const action = "watch CertificateRequests"

const malformed = (detail: string) => new RequestError({ reason: "Unavailable", action, detail })

/** Everything there is, page by page; the answer is the version from which to watch. */
const list = Effect.fnUntraced(function* (client: KubeClient, store: RequestStore, labelSelector: string) {
  const listing = store.listing()
  let version = ""
  let next: string | undefined
  do {
    const query = { labelSelector, limit: String(pageSize), ...(next === undefined ? {} : { continue: next }) }
    const page = decodePage(
      yield* client.call({ action: "list CertificateRequests", method: "GET", path: requestsPath, query })
    )
    if (Result.isFailure(page)) return yield* malformed("the list cannot be read")
    for (const item of page.success.items) {
      const object = decodeRequest(item)
      if (Result.isSuccess(object)) listing.add(object.success)
    }
    version = page.success.metadata.resourceVersion
    next = page.success.metadata.continue || undefined
  } while (next !== undefined)
  listing.finish(version)
  return version
})

/** Where a watch has come to. */
class Place {
  /** Empty before the first list, and when the server no longer knows the place. */
  version = ""
  /** What ended the watch, where that was not its time. */
  broken: RequestError | undefined
  events = 0

  readonly #store: RequestStore

  constructor(store: RequestStore) {
    this.#store = store
  }

  /** Takes one line in. */
  readonly take = (line: string): "more" | "enough" => {
    const event = decodeEvent(parseJson(line))
    if (Result.isFailure(event)) return this.#break(malformed("an event cannot be read"))
    const { type, object } = event.success
    if (type === "ERROR") return this.#refuse(object)
    const place = decodeBookmark(object)
    if (Result.isFailure(place)) return this.#break(malformed("an event cannot be read"))
    const request = type === "BOOKMARK" ? undefined : decodeRequest(object)
    if (request !== undefined && Result.isSuccess(request)) {
      if (type === "DELETED") this.#store.gone(request.success.metadata, request.success.metadata.uid)
      else this.#store.seen(request.success)
    }
    this.version = place.success.metadata.resourceVersion
    this.events += 1
    return "more"
  }

  #break(error: RequestError): "enough" {
    this.broken = error
    return "enough"
  }

  #refuse(status: unknown): "enough" {
    const code = Predicate.hasProperty(status, "code") && Predicate.isNumber(status.code) ? status.code : 500
    if (code === 410) this.version = ""
    return this.#break(requestFailure(action, { status: code, retryAfter: undefined, body: status }, 0))
  }
}

/** What is said about a watch that fails: nothing much at first, a warning when it lasts or when no patience will help. */
class Complaints {
  #failingSince: number | undefined
  #warnedAt: number | undefined
  #complaining = false

  readonly failed = (error: RequestError): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#failingSince ??= now
      const hopeless = error.reason !== "Unavailable" && error.reason !== "Throttled" && error.reason !== "Gone"
      const due = this.#warnedAt === undefined || now - this.#warnedAt >= warningIntervalMillis
      if (!due || (!hopeless && now - this.#failingSince < patienceMillis)) {
        return Effect.logDebug(`${error.message}; trying again`)
      }
      this.#warnedAt = now
      this.#complaining = true
      return Effect.logWarning(`${error.message}; no certificate is seen to be issued until this works`)
    })

  /** A watch was opened: good news, though it has yet to last. */
  readonly opened: Effect.Effect<void> = Effect.suspend(() => {
    const complained = this.#complaining
    this.#complaining = false
    return complained ? Effect.logInfo(`${action}: open again`) : Effect.void
  })

  /** A watch has served. */
  readonly served: Effect.Effect<void> = Effect.sync(() => {
    this.#failingSince = undefined
  })
}

/** One watch, as long as it lasts; whatever ends it before its time is left in `place.broken`. */
const watch = (client: KubeClient, labelSelector: string, place: Place, opened: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const seconds = yield* Random.nextIntBetween(watchSeconds.least, watchSeconds.most)
    const query = {
      labelSelector,
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: place.version,
      timeoutSeconds: String(seconds)
    }
    place.broken = undefined
    place.events = 0
    yield* client.follow({ action, method: "GET", path: requestsPath, query }, { opened, line: place.take }).pipe(
      Effect.timeoutOrElse({
        duration: Duration.sum(Duration.seconds(seconds), watchGrace),
        orElse: () => Effect.void
      }),
      Effect.catch((error) => {
        // A server says 410 by the status of its answer, or by an event.
        if (error.reason === "Gone") place.version = ""
        place.broken = error
        return Effect.void
      })
    )
  })

/**
 * Lists where need be, then watches until the connection ends. Fails where nothing came of it, so that the next try waits
 * longer; a connection that has served is simply taken up again.
 */
const round = Effect.fnUntraced(function* (
  client: KubeClient,
  store: RequestStore,
  labelSelector: string,
  place: Place,
  opened: Effect.Effect<void>
) {
  const listed = place.version === ""
  if (listed) place.version = yield* list(client, store, labelSelector)
  const began = yield* Clock.currentTimeMillis
  yield* watch(client, labelSelector, place, opened)
  const lasted = (yield* Clock.currentTimeMillis) - began
  const expired = place.version === "" && !listed
  if (place.events === 0 && lasted < patienceMillis && !expired) {
    return yield* place.broken ??
      new RequestError({ reason: "Unavailable", action, detail: "the server ended it before its time" })
  }
  yield* Effect.logDebug(`${place.broken?.message ?? `${action}: the server ended it`}; taking it up again`)
})

/** Follows the node's requests for ever. */
export const followRequests = (client: KubeClient, store: RequestStore, labelSelector: string): Effect.Effect<never> =>
  Effect.suspend(() => {
    const place = new Place(store)
    const complaints = new Complaints()
    return round(client, store, labelSelector, place, complaints.opened).pipe(
      Effect.andThen(complaints.served),
      Effect.tapError((error) =>
        Effect.andThen(
          complaints.failed(error),
          Effect.sleep(Duration.min(Duration.millis(error.retryAfterMillis ?? 0), longestRetryAfter))
        )
      ),
      Effect.retry(backoff),
      // When a server goes, it loses the watches of all nodes at the same moment: they shall not all come back in the next.
      Effect.andThen(Effect.flatMap(Random.nextBetween(0, 100), (millis) => Effect.sleep(Duration.millis(millis)))),
      Effect.forever,
      // The schedule has no end, so that no error is left; should it ever have one, certlet must not go on blind.
      Effect.orDie
    )
  })
