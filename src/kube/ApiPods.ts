/**
 * The `Pods` of an API server: one watch on the pods that the scheduler has put on this node, opened when somebody
 * waits for one and closed half a minute after the last has stopped. Of each pod that has a volume of this driver it
 * keeps addresses, labels, annotations and conditions, and of the others nothing. It asks for the rights to list and
 * watch pods and for no other.
 */
import { Effect, Layer } from "effect"
import { Settings } from "../Settings.ts"
import type { PodState } from "../spec/PodState.ts"
import { ApiServer } from "./ApiServer.ts"
import type { Fact } from "./Facts.ts"
import { podFact, podUids } from "./PodObject.ts"
import { Pods, podsFollowedBy } from "./Pods.ts"
import { list, type Watched, watch } from "./watch.ts"

/** The pods of a node that have a volume of the driver. */
const watched = (nodeId: string, driverName: string): Watched<Fact<PodState>> => ({
  kind: "Pods",
  path: "/api/v1/pods",
  query: { fieldSelector: `spec.nodeName=${nodeId}` },
  decode: podFact(driverName),
  meanwhile: "no address, label, annotation or condition of a pod is seen until this works"
})

/** The uids in one list of these pods, made now. */
const present = (server: ApiServer["Service"], pods: Watched<unknown>) =>
  Effect.suspend(() => {
    const uids = new Set<string>()
    const add = (found: ReadonlyArray<string>) => found.forEach((uid) => void uids.add(uid))
    const store = { listing: () => ({ add, finish: () => undefined }) }
    return Effect.as(list({ server, store, watched: { ...pods, decode: podUids } }), uids)
  })

/** The pods of the node that the settings name. */
export const layer: Layer.Layer<Pods, never, ApiServer | Settings> = Layer.effect(
  Pods,
  Effect.gen(function* () {
    const { driverName, nodeId } = yield* Settings
    const server = yield* ApiServer
    return yield* podsFollowedBy(
      (facts) => watch(server, watched(nodeId, driverName), facts),
      present(server, watched(nodeId, driverName))
    )
  })
)
