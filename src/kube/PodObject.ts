/**
 * A pod as the Kubernetes API writes it, as far as certlet reads it: addresses, labels, annotations and conditions of
 * the pods that have a volume of this driver, and of the others nothing. Pure.
 */
import { Option, Predicate, Result, Schema } from "effect"
import { type PodState, tooLongValue } from "../spec/PodState.ts"
import type { Fact } from "./Facts.ts"

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

const stateOf = ({ metadata, status }: typeof Pod.Type): PodState => ({
  ips: status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []),
  labels: metadata.labels ?? {},
  annotations: Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).map(([key, value]) => [
      key,
      value.length > tooLongValue.length ? tooLongValue : value
    ])
  ),
  conditions: Object.fromEntries((status?.conditions ?? []).map(({ status, type }) => [type, status]))
})

/** Where the API server's copy of a static pod says which uid the kubelet knows it by. */
const mirrorKey = "kubernetes.io/config.mirror"

/** No more than this: a pod that is odd in other ways is there all the same. */
const Known = Schema.Struct({
  metadata: Schema.Struct({
    uid: Schema.String,
    annotations: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
  })
})

const decodeKnown = Schema.decodeUnknownResult(Known)

/** The uids that a pod is known by on its node; none of what is no object. */
export const podUids = (object: unknown): Option.Option<ReadonlyArray<string>> =>
  Option.map(Result.getSuccess(decodeKnown(object)), ({ metadata }) => {
    const mirrored = metadata.annotations?.[mirrorKey]
    return Predicate.isString(mirrored) ? [metadata.uid, mirrored] : [metadata.uid]
  })

/** What is kept of a pod that has a volume of the driver; none of any other, and none of what is no pod. */
export const podFact =
  (driverName: string) =>
  (object: unknown): Option.Option<Fact<PodState>> =>
    Option.filter(Result.getSuccess(decodePod(object)), ({ spec }) =>
      (spec.volumes ?? []).some(({ csi }) => csi?.driver === driverName)
    ).pipe(Option.map((pod) => ({ key: pod.metadata.uid, value: stateOf(pod) })))
