/**
 * One pod and the certlet that serves it: the pod by its name, and by its node the pod of the DaemonSet that runs
 * there. What cannot be found is said with what was looked for.
 */
import { Effect, Option, Result, Schema } from "effect"
import { ApiServer } from "../../kube/ApiServer.ts"
import { type NamespacedName, namespacedName } from "../../spec/NamespacedName.ts"
import { asFleetError, FleetError, type FleetPlace, findFleet } from "./Fleet.ts"
import { OperatorNamespace } from "./Operator.ts"

/** How an operator names a pod. */
export interface NamedPod extends FleetPlace {
  /** `NAME` or `NAMESPACE/NAME`. */
  readonly pod: string
  readonly namespace: Option.Option<string>
}

const decodePod = Schema.decodeUnknownResult(
  Schema.Struct({
    metadata: Schema.Struct({ uid: Schema.String }),
    spec: Schema.Struct({ nodeName: Schema.optionalKey(Schema.String) })
  })
)

/** The pod that is meant: the namespace stands before the name, or is given, or is that of the context. */
const meant = Effect.fnUntraced(function* ({ namespace, pod }: NamedPod) {
  const [first = "", ...others] = pod.split("/")
  if (others.length > 1) return yield* new FleetError({ detail: `${pod} is no pod: give NAME or NAMESPACE/NAME` })
  if (others[0] === undefined) {
    const own = yield* OperatorNamespace
    const found: NamespacedName = {
      namespace: yield* Option.match(namespace, { onNone: () => own, onSome: Effect.succeed }),
      name: first
    }
    return found
  }
  if (Option.exists(namespace, (given) => given !== first)) {
    const detail = `${pod} names the namespace ${first}, and --namespace another one; give one of them`
    return yield* new FleetError({ detail })
  }
  return { namespace: first, name: others[0] }
})

/** The pod, its uid, and its node's certlet. */
export const findPod = Effect.fnUntraced(function* (named: NamedPod) {
  const server = yield* ApiServer
  const pod = yield* meant(named)
  const action = `look for pod ${namespacedName(pod)}`
  const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}`
  const object = yield* asFleetError("getPod")(server.call({ action, method: "GET", path }))
  const { metadata, spec } = yield* Result.match(decodePod(object), {
    onFailure: () => Effect.fail(new FleetError({ detail: `${action}: the answer is no pod` })),
    onSuccess: Effect.succeed
  })
  if (spec.nodeName === undefined) {
    return yield* new FleetError({ detail: `pod ${namespacedName(pod)} has no node yet, so no certlet serves it` })
  }
  const nodes = yield* findFleet(named)
  const node = nodes.find(({ node }) => node === spec.nodeName)
  if (node !== undefined) return { pod, uid: metadata.uid, node }
  const detail = `pod ${namespacedName(pod)} is on node ${spec.nodeName}, where no certlet runs; look at the DaemonSet's tolerations`
  return yield* new FleetError({ detail })
})
