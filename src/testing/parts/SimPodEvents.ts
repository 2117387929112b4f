/**
 * The simulated side of `PodEvents`: a list of Events as the API server would show them, folded by the same ledger as the live
 * side's. `SimEvents` is the window through which a test reads what a pod's owner would read.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { EventLedger, type Tally } from "../../kube/EventLedger.ts"
import { PodEvents } from "../../kube/PodEvents.ts"

/** What `kubectl describe pod` would show. */
export class SimEvents extends Context.Service<
  SimEvents,
  {
    /** Every Event as it was written last, in the order of their first writing. */
    readonly present: Effect.Effect<ReadonlyArray<Tally>>
  }
>()("certlet/testing/SimEvents") {}

/** A list that nobody but the test reads. */
export const layer: Layer.Layer<PodEvents | SimEvents> = Layer.effectContext(
  Effect.sync(() => {
    const ledger = new EventLedger()
    const written = new Map<string, Tally>()
    const tell: PodEvents["Service"]["tell"] = (event) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const key = ledger.count(event, now)
        const tally = key === undefined ? undefined : ledger.take(key, now)
        if (tally !== undefined) written.set(`${key} ${tally.first}`, tally)
      })
    return Context.make(PodEvents, PodEvents.of({ tell })).pipe(
      Context.add(SimEvents, SimEvents.of({ present: Effect.sync(() => [...written.values()]) }))
    )
  })
)
