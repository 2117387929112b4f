/**
 * What the kubelet asks of the driver: the calls of the standard, as far as they matter to the programs. A call is
 * plain data, checked at the door (`csi/`), so that a program never sees one without a volume or a target.
 */
import type { DateTime, Option } from "effect"
import type { VolumeContext } from "../spec/VolumeContext.ts"
import type { PublishSecrets } from "../spec/VolumeSecrets.ts"

/** NodePublishVolume. */
export interface PublishCall {
  readonly volumeId: string
  readonly target: string
  readonly readonly: boolean
  /** The whole volume context. It also holds the ServiceAccount's tokens, which are kept in memory only. */
  readonly context: VolumeContext
  /** The entries of the Secret that `nodePublishSecretRef` names. They are kept in memory only. */
  readonly secrets: PublishSecrets
  readonly mountFlags: ReadonlyArray<string>
  /** A gid in decimal, or empty. */
  readonly volumeMountGroup: string
  /** The kubelet's own timeout: an answer after it is lost, with its sentence. */
  readonly deadline: Option.Option<DateTime.Utc>
}

/** NodeUnpublishVolume. */
export interface UnpublishCall {
  readonly volumeId: string
  readonly target: string
}
