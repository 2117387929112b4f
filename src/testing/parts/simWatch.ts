/**
 * How a simulated client follows a collection of the simulated API server, as the live ones follow a real server: it lists,
 * watches from there, takes a broken watch up again where it ended, and lists anew where the server has forgotten the place
 * (410). Pauses between tries grow, with jitter; nobody who waits on the store ever hears of them.
 */
import { Duration, Effect, Option, Random, Result } from "effect"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import type { WatchStore } from "../../kube/WatchStore.ts"
import type { Collection, Link, SimApiServer, WatchEvent } from "./SimApiServer.ts"

/** What is followed, and how an object of it is read: none is passed over. */
export interface Watched<A> extends Collection {
  readonly read: (object: StoredObject) => Option.Option<A>
}

/** Lists and watches for ever. */
export const follow = <A>(
  server: SimApiServer,
  link: Link,
  watched: Watched<A>,
  into: WatchStore<A>
): Effect.Effect<never> => {
  const { kind, read, selects, store } = watched
  let version = ""
  let failures = 0
  const take = (event: WatchEvent): void => {
    failures = 0
    version = event._tag === "Bookmark" ? event.version : event.object.metadata.resourceVersion
    if (event._tag === "Bookmark") return
    const object = read(event.object)
    if (Option.isNone(object)) return
    if (event._tag === "Changed") into.seen(object.value)
    else into.gone(object.value)
  }
  const list = Effect.gen(function* () {
    const listing = into.listing()
    const found = yield* server.call(link, `list ${kind}`, () =>
      Result.succeed({ objects: store.all().filter(selects), version: String(store.version) })
    )
    for (const object of found.objects) {
      const known = read(object)
      if (Option.isSome(known)) listing.add(known.value)
    }
    listing.finish(found.version)
    version = found.version
  })
  const round = Effect.gen(function* () {
    if (version === "") yield* list
    yield* server.watch(link, watched, version, take)
  })
  const pause = Effect.suspend(() => {
    const most = failures === 0 ? 100 : Math.min(15_000, 125 * 2 ** Math.min(failures, 10))
    return Effect.flatMap(Random.nextBetween(most / 2, most), (millis) => Effect.sleep(Duration.millis(millis)))
  })
  return round.pipe(
    Effect.catch((error) =>
      Effect.sync(() => {
        if (error.reason === "Gone") version = ""
        failures += 1
      })
    ),
    Effect.andThen(pause),
    Effect.forever
  )
}
