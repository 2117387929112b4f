/**
 * The simulated `Pods`: what the API server shows of a pod is what a story, or a simulated kubelet, has set. A pod gets its
 * address late, loses a label, becomes ready, all at moments of virtual time. Connections do not exist here, so none fails.
 */
import { Context, Effect, Layer, Option } from "effect"
import { Facts } from "../cluster/Facts.ts"
import { type PodReference, Pods } from "../cluster/Pods.ts"
import type { PodState } from "../PodState.ts"

/** The levers of the simulated pods. */
export class SimPodRegistry extends Context.Service<
  SimPodRegistry,
  {
    /** Changes what is known of a pod; one that was not there begins without address, labels, annotations and conditions. */
    readonly set: (pod: PodReference, change: Partial<PodState>) => Effect.Effect<void>
    readonly remove: (pod: PodReference) => Effect.Effect<void>
    /** What the API server shows of a pod; none where it is not there. */
    readonly get: (pod: Pick<PodReference, "uid">) => Option.Option<PodState>
    /** How many wait for a pod. */
    readonly waiting: Effect.Effect<number>
  }
>()("certlet/testing/SimPodRegistry") {}

const bare: PodState = { ips: [], labels: {}, annotations: {}, conditions: {} }

/** `Pods` for the programs, `SimPodRegistry` for the story. */
export const layer = Layer.effectContext(
  Effect.sync(() => {
    const facts = new Facts<PodState>()
    const pods = Pods.of({
      await: (pod, fits) => facts.await(pod.uid, fits),
      state: (pod) => Effect.sync(() => facts.get(pod.uid))
    })
    const registry = SimPodRegistry.of({
      set: ({ uid }, change) =>
        Effect.sync(() =>
          facts.seen({ key: uid, value: { ...Option.getOrElse(facts.get(uid), () => bare), ...change } })
        ),
      get: ({ uid }) => facts.get(uid),
      remove: ({ uid }) => Effect.sync(() => facts.gone({ key: uid })),
      waiting: Effect.sync(() => facts.waiting)
    })
    return Context.make(Pods, pods).pipe(Context.add(SimPodRegistry, registry))
  })
)
