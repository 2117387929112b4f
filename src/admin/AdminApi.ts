/**
 * What certlet says and does for an operator on its node, as it crosses the admin socket: JSON over HTTP. `GET
 * /status` answers a `NodeStatus`; `POST /renew?volume=ID&patience=MILLIS` answers a `RenewAnswer`, when the renewal
 * or the patience has ended. `NodeAdmin` serves it, `NodeAdminClient` asks. Names, times and sentences cross here, and
 * never a key, a token or a password.
 */
import { Schema } from "effect"
import { VolumeStatus } from "../driver/VolumeStatus.ts"
import { namespacedName } from "../spec/NamespacedName.ts"

/** How a node's certlet and all its volumes are. */
export const NodeStatus = Schema.Struct({
  version: Schema.String,
  node: Schema.String,
  driver: Schema.String,
  /** When this was so, by the node's own clock. */
  at: Schema.DateTimeUtcFromString,
  /** What keeps certlet from being ready, as `/readyz` says it; empty where nothing does. */
  complaints: Schema.Array(Schema.Struct({ check: Schema.String, complaint: Schema.String })),
  /** True where the data root is on a disk, so that no pending request outlives a restart. */
  dataRootOnDisk: Schema.optionalKey(Schema.Literal(true)),
  volumes: Schema.Array(VolumeStatus)
})
export type NodeStatus = typeof NodeStatus.Type

/**
 * What came of a renewal. `waiting`: the patience has ended first, and certlet goes on; `failed`: it tries again by
 * itself.
 */
export const RenewAnswer = Schema.Union([
  Schema.Struct({ outcome: Schema.Literal("renewed"), volume: VolumeStatus }),
  Schema.Struct({
    outcome: Schema.Literals(["waiting", "failed"]),
    volumeId: Schema.String,
    sentence: Schema.String,
    advice: Schema.String
  })
])
export type RenewAnswer = typeof RenewAnswer.Type

/** What `POST /renew` is told. */
export const RenewQuery = Schema.Struct({ volume: Schema.String, patience: Schema.FiniteFromString })

/** `namespace/name` of a volume's pod. */
export const podName = ({ pod }: VolumeStatus): string => namespacedName(pod)

/** The volume's name in its pod; its id where the path does not say. */
export const volumeName = ({ target, volumeId }: VolumeStatus): string =>
  /\/volumes\/kubernetes\.io~csi\/([^/]+)\/mount\/?$/.exec(target)?.[1] ?? volumeId
