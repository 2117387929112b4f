/**
 * How a volume is doing, as data: for an operator (`certlet status`) and for the gauges, and for the kubelet, which
 * asks what a volume takes and what is wrong with it. It holds names, times and sentences, and never a key or a token.
 * It is taken from a volume at one moment (`inspectVolume`) and does not change afterwards.
 */
import { type Option, Schema } from "effect"
import type { VolumeUsage } from "../volume/VolumeFS.ts"

/**
 * `Ready`: the certificate is valid and not due. `Renewing`: it is valid, and the next one is requested. `Failing`: the
 * last attempt failed and will be retried. `Issuing`: the first certificate is requested. `Expired`: the certificate
 * has expired. `Inherited`: another driver has mounted the volume, which keeps its files and is not renewed. `Refused`:
 * what its pod asks for is refused; the volume keeps the files that it has and is not renewed, or its pod gets none.
 */
export const VolumeState = Schema.Literals([
  "Ready",
  "Renewing",
  "Failing",
  "Issuing",
  "Expired",
  "Inherited",
  "Refused"
])
export type VolumeState = typeof VolumeState.Type

/** Times are ISO 8601 on the wire, `DateTime.Utc` in memory. */
export const VolumeStatus = Schema.Struct({
  volumeId: Schema.String,
  target: Schema.String,
  pod: Schema.Struct({ namespace: Schema.String, name: Schema.String, uid: Schema.String }),
  issuer: Schema.Struct({ name: Schema.String, kind: Schema.String, group: Schema.String }),
  /** Common name and subject alternative names, without repeats. */
  names: Schema.Array(Schema.String),
  state: VolumeState,
  /** What the volume holds. */
  certificate: Schema.optionalKey(
    Schema.Struct({
      requestName: Schema.String,
      serialNumber: Schema.String,
      notBefore: Schema.DateTimeUtcFromString,
      notAfter: Schema.DateTimeUtcFromString,
      renewAt: Schema.DateTimeUtcFromString
    })
  ),
  /** The open request, and what it waits for. */
  pending: Schema.optionalKey(
    Schema.Struct({
      requestName: Schema.String,
      since: Schema.DateTimeUtcFromString,
      waitsFor: Schema.Literals(["approval", "signature", "the API server"])
    })
  ),
  /** What certlet refuses of what the pod asks for, and what to do. */
  refused: Schema.optionalKey(Schema.String),
  /** What its pod's owner should know of its attributes and of its certificate: sentences. */
  remarks: Schema.optionalKey(Schema.Array(Schema.String)),
  /** What must be there before a certificate is requested. */
  missing: Schema.optionalKey(Schema.String),
  /** Why the last attempt failed. */
  failure: Schema.optionalKey(
    Schema.Struct({
      sentence: Schema.String,
      advice: Schema.String,
      temper: Schema.Literals(["refused", "waiting", "transient", "defect"]),
      /** In a row. */
      failures: Schema.Number,
      at: Schema.DateTimeUtcFromString,
      nextTry: Schema.DateTimeUtcFromString
    })
  )
})
export type VolumeStatus = typeof VolumeStatus.Type

/** One thing that is wrong with a volume. `degraded`: its pod can still use it; `inaccessible`: it cannot. */
export interface VolumeComplaint {
  readonly severity: "degraded" | "inaccessible"
  /** One word, for programs. */
  readonly reason:
    | "CertificateExpired"
    | "CertificateNearExpiry"
    | "CertificateNotIssued"
    | "CertificateNotRenewed"
    | "FilesDamaged"
    | "FilesMissing"
    | "MountLost"
    | "VolumeInherited"
    | "VolumeRefused"
    | "VolumeUnreadable"
  readonly sentence: string
}

/** What the kubelet is told of a volume; a healthy one has no complaints. */
export interface VolumeReport {
  /** None if there is no volume of certlet's to measure. */
  readonly usage: Option.Option<VolumeUsage>
  readonly complaints: ReadonlyArray<VolumeComplaint>
}
