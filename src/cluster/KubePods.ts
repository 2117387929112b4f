/**
 * The live `Pods`: one watch on the pods that the scheduler has put on this node, opened when somebody waits for one and
 * closed half a minute after the last has stopped. Of each pod that has a volume of this driver it keeps addresses, labels,
 * annotations and conditions, and of the others nothing. It asks for the rights to list and watch pods and for no other.
 */
import { Effect, Layer, Option, RcRef, Result, Schema } from "effect"
import type { PodState } from "../PodState.ts"
import { Settings } from "../Settings.ts"
import { type Fact, Facts } from "./Facts.ts"
import { KubeClient } from "./KubeClient.ts"
import { follow, type Watched } from "./KubeWatch.ts"
import { Pods } from "./Pods.ts"

const Texts = Schema.Record(Schema.String, Schema.String)

const Pod = Schema.Struct({
  metadata: Schema.Struct({
    uid: Schema.String,
    labels: Schema.optionalKey(Schema.NullOr(Texts)),
    annotations: Schema.optionalKey(Schema.NullOr(Texts))
  }),
  spec: Schema.Struct({
    volumes: Schema.optionalKey(
      Schema.Array(Schema.Struct({ csi: Schema.optionalKey(Schema.Struct({ driver: Schema.String })) }))
    )
  }),
  status: Schema.optionalKey(
    Schema.Struct({
      podIP: Schema.optionalKey(Schema.String),
      podIPs: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ ip: Schema.String })))),
      conditions: Schema.optionalKey(
        Schema.NullOr(Schema.Array(Schema.Struct({ type: Schema.String, status: Schema.String })))
      )
    })
  )
})

const decodePod = Schema.decodeUnknownResult(Pod)

/** Longer values, such as kubectl's last applied configuration, make no names; their first part tells that they are there. */
const longestAnnotation = 2048

const stateOf = ({ metadata, status }: typeof Pod.Type): PodState => ({
  ips: status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []),
  labels: metadata.labels ?? {},
  annotations: Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).map(([key, value]) => [key, value.slice(0, longestAnnotation)])
  ),
  conditions: Object.fromEntries((status?.conditions ?? []).map(({ status, type }) => [type, status]))
})

/** The pods of a node that have a volume of the driver. */
const watched = (nodeId: string, driverName: string): Watched<Fact<PodState>> => ({
  kind: "Pods",
  path: "/api/v1/pods",
  query: { fieldSelector: `spec.nodeName=${nodeId}` },
  decode: (object) =>
    Option.filter(Result.getSuccess(decodePod(object)), ({ spec }) =>
      (spec.volumes ?? []).some(({ csi }) => csi?.driver === driverName)
    ).pipe(Option.map((pod) => ({ key: pod.metadata.uid, value: stateOf(pod) }))),
  meanwhile: "no address, label, annotation or condition of a pod is seen until this works"
})

/** How long a watch that nobody needs stays open for the next who does. */
const idle = "30 seconds"

/** The pods of the node that the settings name. */
export const layer: Layer.Layer<Pods, never, KubeClient | Settings> = Layer.effect(
  Pods,
  Effect.gen(function* () {
    const { driverName, nodeId } = yield* Settings
    const client = yield* KubeClient
    let open: Facts<PodState> | undefined
    const watch = yield* RcRef.make({
      idleTimeToLive: idle,
      acquire: Effect.gen(function* () {
        const facts = new Facts<PodState>()
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            open = facts
          }),
          () =>
            Effect.sync(() => {
              open = undefined
            })
        )
        yield* Effect.forkScoped(follow(client, watched(nodeId, driverName), facts))
        return facts
      })
    })
    return Pods.of({
      await: (pod, fits) => Effect.scoped(Effect.flatMap(RcRef.get(watch), (facts) => facts.await(pod.uid, fits))),
      state: (pod) => Effect.sync(() => Option.flatMap(Option.fromUndefinedOr(open), (facts) => facts.get(pod.uid)))
    })
  })
)
