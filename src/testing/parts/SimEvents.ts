/**
 * What `kubectl describe pod` would show of a simulated cluster: the Events on pods as the simulated API server keeps
 * them, whoever wrote them. `eventIn` reads one back into the words in which certlet told it.
 */
import { Context, Effect, Option, Result, Schema } from "effect"
import type { ObjectStore, StoredObject } from "../../embedded/ObjectStore.ts"

const Event = Schema.Struct({
  involvedObject: Schema.Struct({ namespace: Schema.String, name: Schema.String, uid: Schema.String }),
  type: Schema.String,
  reason: Schema.String,
  message: Schema.String,
  count: Schema.Number
})
const decodeEvent = Schema.decodeUnknownResult(Event)

/** An Event as it stands. */
export interface WrittenEvent {
  readonly event: {
    readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string }
    readonly type: string
    readonly reason: string
    readonly note: string
  }
  readonly count: number
}

/** The Event in an object; none where it is not one. */
export const eventIn = (object: StoredObject): Option.Option<WrittenEvent> =>
  Option.map(Result.getSuccess(decodeEvent(object)), ({ count, involvedObject: pod, message: note, reason, type }) => ({
    event: { pod, type, reason, note },
    count
  }))

/** The Events on pods. */
export class SimEvents extends Context.Service<
  SimEvents,
  {
    /** Every Event as it was written last, in the order of their making. */
    readonly present: Effect.Effect<ReadonlyArray<WrittenEvent>>
  }
>()("certlet/testing/SimEvents") {}

/** The Events in a store. */
export const makeSimEvents = (events: ObjectStore): SimEvents["Service"] => ({
  present: Effect.sync(() => events.inOrder().flatMap((object) => Option.toArray(eventIn(object))))
})
