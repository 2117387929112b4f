/**
 * What the cluster knows of this node's pods: addresses, labels, annotations and conditions, as the API server shows
 * them. Names in certificates follow them and readiness gates wait for them. `ApiPods` stands behind it: one watch on
 * the node's pods, open only while somebody waits.
 */
import { Context, Effect, Option, RcRef, type Scope } from "effect"
import type { PodState } from "../spec/PodState.ts"
import type { ApiError } from "./ApiError.ts"
import { Facts } from "./Facts.ts"

/** Which pod: its uid, because another one may have its name by now. */
export interface PodReference {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/**
 * The pods of this node.
 *
 * Laws: `await` returns as soon as the pod fits, whether it did so before or comes to it later; what it hands over is
 * how the pod was then; it waits for a pod that is not there yet, and never takes another pod of that name for it; it
 * never fails because the connection did; an interrupted wait leaves nothing behind; the cluster is looked at only
 * while somebody waits; `present` is what the API server has at that moment, and fails where it cannot be asked.
 */
export class Pods extends Context.Service<
  Pods,
  {
    /** Waits, for ever if need be, until `fits` makes something of the pod's state. */
    readonly await: <A>(pod: PodReference, fits: (state: PodState) => Option.Option<A>) => Effect.Effect<A>
    /** The pod as it was seen last, while somebody waits for one; none where it has not been seen. Makes no call. */
    readonly state: (pod: PodReference) => Effect.Effect<Option.Option<PodState>>
    /**
     * The uids of this node's pods, those of static pods included: a list that was made for this question, and no
     * memory of a watch.
     */
    readonly present: Effect.Effect<ReadonlySet<string>, ApiError>
  }
>()("certlet/kube/Pods") {}

/** How long a watch that nobody needs stays open for the next who does. */
const idle = "30 seconds"

/**
 * The pods, as `follow` writes them down, for ever: it runs while somebody waits for a pod, and half a minute longer.
 * What it had learnt is forgotten when it ends.
 */
export const podsFollowedBy = Effect.fnUntraced(function* (
  follow: (facts: Facts<PodState>) => Effect.Effect<never>,
  present: Pods["Service"]["present"]
): Effect.fn.Return<Pods["Service"], never, Scope.Scope> {
  let open: Facts<PodState> | undefined
  const closed = Effect.sync(() => {
    open = undefined
  })
  const watch = yield* RcRef.make({
    idleTimeToLive: idle,
    acquire: Effect.gen(function* () {
      const facts = new Facts<PodState>()
      open = facts
      yield* Effect.addFinalizer(() => closed)
      yield* Effect.forkScoped(follow(facts))
      return facts
    })
  })
  return {
    present,
    await: (pod, fits) => Effect.scoped(Effect.flatMap(RcRef.get(watch), (facts) => facts.await(pod.uid, fits))),
    state: (pod) => Effect.sync(() => Option.flatMap(Option.fromUndefinedOr(open), (facts) => facts.get(pod.uid)))
  }
})
