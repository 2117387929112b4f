/**
 * The laws of `PodEvents`, as programs. They run on the simulated side and on the live one. The scene is what a pod's
 * owner sees at the API server: the Events, whoever folded them. Time passes through Effect's Clock, so the laws run
 * under a TestClock on either side.
 */
import { Context, Effect } from "effect"
import { TestClock } from "effect/testing"
import { type PodEvent, PodEvents } from "../../kube/PodEvents.ts"
import { holds, type Law, type LawBroken, same } from "./Law.ts"

/** An Event as the API server shows it. */
export interface SeenEvent {
  readonly podUid: string
  readonly reason: string
  readonly note: string
  readonly count: number
}

/** What the laws need besides the service. */
export class EventScene extends Context.Service<
  EventScene,
  {
    /** The Events there are, once everything that was told has been written. */
    readonly seen: Effect.Effect<ReadonlyArray<SeenEvent>>
    /** The API server answers nothing from now on. */
    readonly silence: Effect.Effect<void>
  }
>()("certlet/testing/EventScene") {}

type EventLaw = Law<never, PodEvents | EventScene>

const denied = (note: string, pod: Partial<PodEvent["pod"]> = {}): PodEvent => ({
  pod: { name: "web", namespace: "apps", uid: "uid-1", ...pod },
  type: "Warning",
  reason: "CertificateDenied",
  note
})

const rendered = (events: ReadonlyArray<SeenEvent>): string =>
  [...events]
    .map(({ count, note, podUid, reason }) => `${podUid} ${reason} x${count}: ${note}`)
    .sort()
    .join("\n")

const expectSeen = (scene: EventScene["Service"], ...wanted: ReadonlyArray<string>) =>
  Effect.flatMap(scene.seen, (seen) => same(rendered(seen), wanted.join("\n"), "the Events"))

const law = (
  sentence: string,
  trial: (
    events: PodEvents["Service"],
    scene: EventScene["Service"]
  ) => Effect.fn.Return<void, LawBroken, PodEvents | EventScene>
): EventLaw => ({
  law: sentence,
  program: Effect.gen(function* () {
    yield* Effect.fnUntraced(trial)(yield* PodEvents, yield* EventScene)
  })
})

/** Every law of `PodEvents`; each needs an API server without Events. */
export const laws: ReadonlyArray<EventLaw> = [
  law("the first of its reason on a pod is written at once", function* (events, scene) {
    yield* events.tell(denied("no"))
    yield* events.tell({ ...denied("late"), reason: "CertificateRenewedLate" })
    yield* expectSeen(scene, "uid-1 CertificateDenied x1: no", "uid-1 CertificateRenewedLate x1: late")
  }),
  law("the same reason on the same pod again is one Event, counted, with the latest note", function* (events, scene) {
    for (let round = 1; round <= 20; round++) {
      yield* events.tell(denied(`no ${round}`))
      yield* scene.seen
      yield* TestClock.adjust("1 minute")
    }
    const [event, ...others] = yield* scene.seen
    yield* holds(others.length === 0, `${others.length} further Events`)
    yield* holds(event !== undefined && event.count > 5, `a count of ${event?.count}`)
    yield* holds(event?.note === `no ${event?.count}`, `the note "${event?.note}" with a count of ${event?.count}`)
  }),
  law(
    "it is written again at growing intervals only, and then with every repetition counted",
    function* (events, scene) {
      for (let round = 1; round <= 10; round++) yield* events.tell(denied(`no ${round}`))
      yield* scene.seen
      yield* events.tell(denied("no 11"))
      // Depending on who was faster, up to ten of a moment stand in the first writing, and nobody writes again at once.
      const [first] = yield* scene.seen
      yield* holds(first !== undefined && first.count <= 10, `a count of ${first?.count} without a pause`)
      yield* TestClock.adjust("30 seconds")
      yield* events.tell(denied("no 12"))
      yield* expectSeen(scene, "uid-1 CertificateDenied x12: no 12")
      yield* TestClock.adjust("30 seconds")
      yield* events.tell(denied("no 13"))
      yield* expectSeen(scene, "uid-1 CertificateDenied x12: no 12")
      yield* TestClock.adjust("30 seconds")
      yield* events.tell(denied("no 14"))
      yield* expectSeen(scene, "uid-1 CertificateDenied x14: no 14")
    }
  ),
  law("two pods' Events are two Events, also where the pods' names are the same", function* (events, scene) {
    yield* events.tell(denied("no"))
    yield* events.tell(denied("no", { uid: "uid-2" }))
    yield* events.tell(denied("no", { uid: "uid-3", name: "x".repeat(253) }))
    yield* expectSeen(
      scene,
      "uid-1 CertificateDenied x1: no",
      "uid-2 CertificateDenied x1: no",
      "uid-3 CertificateDenied x1: no"
    )
  }),
  law("what has not happened for an hour is news again", function* (events, scene) {
    yield* events.tell(denied("no"))
    yield* scene.seen
    yield* TestClock.adjust("61 minutes")
    yield* events.tell(denied("no again"))
    yield* expectSeen(scene, "uid-1 CertificateDenied x1: no", "uid-1 CertificateDenied x1: no again")
  }),
  law("a note of any length is written, as one line", function* (events, scene) {
    yield* events.tell(denied(`first\nsecond ${"x".repeat(5000)}`))
    const [event] = yield* scene.seen
    yield* holds(event?.note.startsWith("first second xxx") === true, `the note "${event?.note.slice(0, 40)}"`)
    yield* holds((event?.note.length ?? 9999) <= 1024, `a note of ${event?.note.length} characters`)
  }),
  law("telling never fails and waits for nobody", function* (events, scene) {
    yield* scene.silence
    for (let pod = 0; pod < 3000; pod++) yield* events.tell(denied("no", { uid: `uid-${pod}` }))
  })
]
