/**
 * A watch on one collection of the API server: it lists the objects, follows their changes from there, and writes what
 * it learns into a store, for ever. A connection that ends is taken up again where it ended; where the server does not
 * accept that place, everything is listed again, so that what was deleted meanwhile is noticed. Failures are met with
 * backoff and jitter, and with a warning when they last; nobody who waits on the store ever hears of them. Nothing
 * polls: an idle node holds one connection open and does nothing.
 */
import { Clock, Duration, Effect, Option, Predicate, Random, Result, Schedule, Schema, type Scope } from "effect"
import { asFailure, Defect } from "../Defect.ts"
import { Health } from "../Health.ts"
import { ApiError, apiFailure } from "./ApiError.ts"
import { countRestart } from "./ApiMetrics.ts"
import type { ApiServer } from "./ApiServer.ts"
import { WatchComplaints } from "./WatchComplaints.ts"
import { WatchFreshness } from "./WatchFreshness.ts"
import type { WatchStore } from "./WatchStore.ts"

/** What is watched, and how an object of it is read. */
export interface Watched<A> {
  /** The objects' plural, as sentences write it: "CertificateRequests". */
  readonly kind: string
  /** The collection's absolute path, encoded. */
  readonly path: string
  /** `labelSelector` and `fieldSelector`. */
  readonly query: Readonly<Record<string, string>>
  /** One object, reduced to what is kept; none where it cannot be read, and then it is passed over. */
  readonly decode: (object: unknown) => Option.Option<A>
  /** What is amiss as long as the watch fails: "no certificate is seen to be issued until this works". */
  readonly meanwhile: string
}

/**
 * A place in the history of a collection. It is sent back with each watch, in a URL, so a longer one would never be
 * accepted; Kubernetes' own have some ten digits.
 */
const Version = Schema.NonEmptyString.check(Schema.isMaxLength(128))

/**
 * What a list or an event holds, as far as it is read here; its objects are decoded one by one, so that one cannot
 * spoil all.
 */
const ListPage = Schema.Struct({
  metadata: Schema.Struct({
    resourceVersion: Version,
    continue: Schema.optionalKey(Schema.String)
  }),
  items: Schema.Array(Schema.Unknown)
})

const WatchEvent = Schema.Struct({
  type: Schema.Literals(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
  object: Schema.Unknown
})

const Bookmark = Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Version }) })

const decodePage = Schema.decodeUnknownResult(ListPage)
const decodeEvent = Schema.decodeUnknownResult(WatchEvent)
const decodeBookmark = Schema.decodeUnknownResult(Bookmark)

/** One page of ordinary objects is a megabyte or two of JSON; more would be felt in the memory of a small container. */
const pageSize = 200
/** A list of more pages, or of more empty ones in a row, has no end. */
const mostPages = { all: 250, empty: 10 } as const

/**
 * How long a watch may last, in seconds: long enough to be rare, short enough that a dead one does not go unnoticed.
 */
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

/**
 * A watch that lasts for less has failed, whatever it has shown: a server that shows one event and ends is not asked
 * again at once, and neither is one that forgets every place that it has named.
 */
const shortestServiceMillis = 10_000

const malformed = (action: string, detail: string) => new ApiError({ reason: "Unavailable", action, detail })

/** What the parts below share. */
interface Watching<A> {
  readonly server: ApiServer["Service"]
  readonly watched: Watched<A>
  readonly store: WatchStore<A>
  /** "watch CertificateRequests", for errors. */
  readonly action: string
  readonly freshness: WatchFreshness
  readonly now: () => number
}

/**
 * Everything there is, page by page; the answer is the version from which to watch. Where large objects make a page
 * larger than is read, it is asked for again in smaller pages, which grow again when the large objects are past.
 */
export const list = Effect.fnUntraced(function* <A>({
  server,
  store,
  watched
}: Pick<Watching<A>, "server" | "watched"> & { readonly store: Pick<WatchStore<A>, "listing"> }) {
  const action = `list ${watched.kind}`
  const listing = store.listing()
  let next: string | undefined
  let size = pageSize
  let empty = 0
  for (let pages = 1; pages <= mostPages.all && empty <= mostPages.empty; pages++) {
    const query = { ...watched.query, limit: String(size), ...(next === undefined ? {} : { continue: next }) }
    const answer = yield* Effect.result(server.call({ action, method: "GET", path: watched.path, query }))
    if (Result.isFailure(answer)) {
      if (answer.failure.oversized !== true || size === 1) return yield* answer.failure
      size = Math.ceil(size / 4)
      continue
    }
    const page = decodePage(answer.success)
    if (Result.isFailure(page)) return yield* malformed(action, "the list cannot be read")
    for (const item of page.success.items) {
      const object = watched.decode(item)
      if (Option.isSome(object)) listing.add(object.value)
    }
    size = Math.min(pageSize, size * 2)
    const { continue: after, resourceVersion } = page.success.metadata
    if (!after) {
      listing.finish(resourceVersion)
      return resourceVersion
    }
    if (after === next) break
    next = after
    empty = page.success.items.length === 0 ? empty + 1 : 0
  }
  return yield* malformed(action, "the list does not come to an end")
})

/** Where a watch has come to. */
class Place<A> {
  /** Empty before the first list, and when the server no longer knows the place. */
  version = ""
  /** What ended the watch, where that was not its time. */
  broken: ApiError | undefined

  readonly #watching: Watching<A>

  constructor(watching: Watching<A>) {
    this.#watching = watching
  }

  /** Takes one event in. */
  readonly take = (told: unknown): "more" | "enough" => {
    this.#watching.freshness.heard(this.#watching.now())
    const event = decodeEvent(told)
    if (Result.isFailure(event)) return this.#break(malformed(this.#watching.action, "an event cannot be read"))
    const { type, object } = event.success
    if (type === "ERROR") return this.#refuse(object)
    const place = decodeBookmark(object)
    if (Result.isFailure(place)) return this.#break(malformed(this.#watching.action, "an event cannot be read"))
    const { store, watched } = this.#watching
    const found = type === "BOOKMARK" ? Option.none() : watched.decode(object)
    if (Option.isSome(found)) {
      if (type === "DELETED") store.gone(found.value)
      else store.seen(found.value)
    }
    this.version = place.success.metadata.resourceVersion
    return "more"
  }

  /**
   * Leaves a place that the server does not accept, so that everything is listed anew: one that it has forgotten (410),
   * cannot read (400), or expects in the future (504), as after a restore of its data.
   */
  leaveIfUnknown({ reason, status }: ApiError): void {
    if (reason === "Gone" || reason === "Invalid" || status === 504) this.version = ""
  }

  #break(error: ApiError): "enough" {
    this.broken = error
    return "enough"
  }

  #refuse(status: unknown): "enough" {
    const code = Predicate.hasProperty(status, "code") && Predicate.isNumber(status.code) ? status.code : 500
    const error = apiFailure(this.#watching.action, { status: code, retryAfter: undefined, body: status }, 0)
    this.leaveIfUnknown(error)
    return this.#break(error)
  }
}

/** One watch, as long as it lasts; whatever ends it before its time is left in `place.broken`. */
const connect = Effect.fnUntraced(function* <A>(
  { action, freshness, now, server, watched }: Watching<A>,
  place: Place<A>,
  opened: Effect.Effect<void>
) {
  const seconds = yield* Random.nextIntBetween(watchSeconds.least, watchSeconds.most)
  const query = {
    ...watched.query,
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: place.version,
    timeoutSeconds: String(seconds)
  }
  place.broken = undefined
  const began = now()
  yield* server.follow({ action, method: "GET", path: watched.path, query }, { opened, take: place.take }).pipe(
    Effect.raceFirst(Effect.flatMap(freshness.silence(began), (why) => Effect.fail(malformed(action, why)))),
    Effect.timeoutOrElse({
      duration: Duration.sum(Duration.seconds(seconds), watchGrace),
      orElse: () => Effect.void
    }),
    Effect.catch((error) => {
      // A server says so by the status of its answer, or by an event.
      place.leaveIfUnknown(error)
      place.broken = error
      return Effect.void
    }),
    Effect.ensuring(Effect.sync(() => freshness.broken(now(), place.broken?.message ?? "the server ended the watch")))
  )
})

/**
 * Lists where need be, then watches until the connection ends. Fails where the connection did not last, so that the
 * next try waits longer; one that has served is simply taken up again.
 */
const round = Effect.fnUntraced(function* <A>(watching: Watching<A>, place: Place<A>, opened: Effect.Effect<void>) {
  const { action, watched } = watching
  const listed = place.version === ""
  if (listed) place.version = yield* list(watching)
  const began = yield* Clock.currentTimeMillis
  yield* connect(watching, place, opened)
  const lasted = (yield* Clock.currentTimeMillis) - began
  const expired = place.version === "" && !listed
  yield* countRestart(watched.kind, expired ? "expired" : place.broken === undefined ? "ended" : "broken")
  if (lasted < shortestServiceMillis) {
    return yield* place.broken ?? malformed(action, "the server ended it before its time")
  }
  yield* Effect.logDebug(`${place.broken?.message ?? `${action}: the server ended it`}; taking it up again`)
})

/** Watches a collection for ever: what is in the store is what the server has shown last. */
export const watch = Effect.fnUntraced(function* <A>(
  server: ApiServer["Service"],
  watched: Watched<A>,
  store: WatchStore<A>
): Effect.fn.Return<never, never, Scope.Scope> {
  const action = `watch ${watched.kind}`
  const freshness = new WatchFreshness()
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const { add } = yield* Health
  for (const reason of ["ended", "broken", "expired"] as const) yield* countRestart(watched.kind, reason, 0)
  yield* add({ name: action, complaint: Effect.sync(() => freshness.complaint(now())) })
  const watching: Watching<A> = { server, watched, store, action, freshness, now }
  const place = new Place(watching)
  const complaints = new WatchComplaints(action, watched.meanwhile)
  const opened = Effect.andThen(
    Effect.sync(() => freshness.opened(now())),
    complaints.opened
  )
  return yield* round(watching, place, opened).pipe(
    // What it was is not known, so everything is listed again.
    Effect.tapDefect(() =>
      Effect.sync(() => {
        place.version = ""
      })
    ),
    // A watch that died of a defect would leave every waiter without a word.
    asFailure(`${action}: a defect ended it`),
    Effect.mapError((error) => (error instanceof Defect ? malformed(action, error.message) : error)),
    Effect.andThen(complaints.served),
    Effect.tapError((error) =>
      Effect.andThen(
        Effect.andThen(
          Effect.sync(() => freshness.broken(now(), error.message)),
          complaints.failed(error)
        ),
        Effect.sleep(Duration.millis(error.retryAfterMillis ?? 0))
      )
    ),
    Effect.retry(backoff),
    // When a server goes, it loses the watches of all nodes at the same moment: they shall not all come back in the
    // next.
    Effect.andThen(Effect.flatMap(Random.nextBetween(0, 100), (millis) => Effect.sleep(Duration.millis(millis)))),
    Effect.forever,
    // The schedule has no end, so that no error is left; should it ever have one, certlet must not go on blind.
    Effect.orDie
  )
}, Effect.scoped)
