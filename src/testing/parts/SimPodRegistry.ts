/**
 * The pods of a simulated cluster: objects at its API server, which a story or a simulated kubelet writes. A pod gets
 * its address late, loses a label, becomes ready, all at moments of virtual time; a client hears of it when the
 * server's weather lets it.
 */
import { Context, Effect, Option } from "effect"
import type { NewObject } from "../../embedded/ObjectStore.ts"
import type { PodReference } from "../../kube/Pods.ts"
import type { PodState } from "../../spec/PodState.ts"
import type { SimApiServer } from "./SimApiServer.ts"
import { simSettings } from "./simSettings.ts"

/** A pod, its node and its volumes; where nothing is said, `node-1` and one, `tls`. */
export type PlacedPod = PodReference & { readonly node?: string; readonly volumes?: ReadonlyMap<string, unknown> }

/** The levers of the simulated pods. */
export class SimPodRegistry extends Context.Service<
  SimPodRegistry,
  {
    /**
     * Changes what is known of a pod; one that was not there begins without address, labels, annotations and
     * conditions.
     */
    readonly set: (pod: PlacedPod, change: Partial<PodState>) => Effect.Effect<void>
    readonly remove: (pod: PodReference) => Effect.Effect<void>
    /** What the API server shows of a pod; none where it is not there. */
    readonly get: (pod: PodReference) => Option.Option<PodState>
    /** How many watches are open on pods. */
    readonly watches: Effect.Effect<number>
  }
>()("certlet/testing/SimPodRegistry") {}

/** What is shown of a pod that nobody has said anything about. */
export const bare: PodState = { ips: [], labels: {}, annotations: {}, conditions: {} }

const volumeObject = (name: string) => ({ name, csi: { driver: simSettings.driverName } })

/** A pod's object: it has volumes of certlet's. */
export const podObject = ({ name, namespace, node = "node-1", volumes }: PlacedPod, state: PodState): NewObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels: state.labels, annotations: state.annotations },
  spec: { nodeName: node, volumes: [...(volumes?.keys() ?? ["tls"])].map(volumeObject) },
  status: {
    ...(state.ips[0] === undefined ? {} : { podIP: state.ips[0], podIPs: state.ips.map((ip) => ({ ip })) }),
    conditions: Object.entries(state.conditions).map(([type, status]) => ({ type, status }))
  }
})

/** The levers of the pods that a server keeps. */
export const makeSimPodRegistry = ({ api, watches }: SimApiServer): SimPodRegistry["Service"] => {
  const { pods } = api.stores
  const states = new Map<string, PodState>()
  return {
    set: (pod, change) =>
      Effect.sync(() => {
        const state = { ...(states.get(pod.uid) ?? bare), ...change }
        states.set(pod.uid, state)
        pods.put(podObject(pod, state), pod.uid)
      }),
    get: ({ uid }) => Option.fromUndefinedOr(states.get(uid)),
    remove: ({ name, namespace, uid }) =>
      Effect.sync(() => {
        states.delete(uid)
        pods.delete(namespace, name, uid)
      }),
    watches: Effect.sync(() => watches.openOn("pods"))
  }
}
