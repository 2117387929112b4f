/**
 * The programs as one service: everything that the door to the kubelet, and the simulation, may call. A call concerns one
 * volume; calls for the same volume are answered one after the other, calls for different volumes never wait for each
 * other. What a call leaves running (an issuance that outlives the kubelet's patience, a volume's renewals) belongs to this
 * service's scope.
 */
import { Context, type Effect } from "effect"
import type { PublishError, UnpublishError } from "./DriverError.ts"

/** NodePublishVolume, as far as it matters to the programs. */
export interface PublishRequest {
  readonly volumeId: string
  readonly target: string
  readonly readonly: boolean
  /** The volume context, whole: also the ServiceAccount tokens, which go no further than memory. */
  readonly attributes: Readonly<Record<string, string>>
  readonly mountFlags: ReadonlyArray<string>
  /** A gid in decimal, or empty. */
  readonly volumeMountGroup: string
}

/** NodeUnpublishVolume. */
export interface UnpublishRequest {
  readonly volumeId: string
  readonly target: string
}

/**
 * The driver.
 *
 * Laws: when `publish` succeeds the files are there (unless the settings say continue-on-not-ready); publishing again is
 * cheap and changes nothing that is well; a publish that fails leaves nothing that it made; an interrupted publish leaves
 * its issuance running, and the next one joins it; after `unpublish` nothing is left, neither file nor mount nor record nor
 * fiber, and it succeeds for volumes that nobody knows.
 */
export class Driver extends Context.Service<
  Driver,
  {
    readonly publish: (request: PublishRequest) => Effect.Effect<void, PublishError>
    readonly unpublish: (request: UnpublishRequest) => Effect.Effect<void, UnpublishError>
  }
>()("certlet/driver/Driver") {}
