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
 * has expired. `Lost`: the mount is gone or cannot be read, so the pod cannot use the volume. `Damaged`: its files were
 * changed or removed on the node, and are not restored yet. `Inherited`: another driver has mounted the volume, which
 * keeps its files and is not renewed. `Refused`: what its pod asks for is refused; the volume keeps the files that it
 * has and is not renewed, or its pod gets none.
 */
export const VolumeState = Schema.Literals([
  "Ready",
  "Renewing",
  "Failing",
  "Issuing",
  "Expired",
  "Lost",
  "Damaged",
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
  /** The key that the pod asks for; the size is in bits. */
  key: Schema.optionalKey(Schema.Struct({ algorithm: Schema.String, size: Schema.optionalKey(Schema.Number) })),
  /** The names of all files, and their permission bits in octal. */
  files: Schema.optionalKey(Schema.Struct({ names: Schema.Array(Schema.String), mode: Schema.String })),
  /** Where a keystore's password comes from is said, and never what it is. */
  keystores: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        kind: Schema.String,
        file: Schema.String,
        truststore: Schema.optionalKey(Schema.String),
        password: Schema.String
      })
    )
  ),
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
      waitsFor: Schema.Literals(["approval", "signature", "the API server"]),
      /** The issuer's own words. */
      message: Schema.optionalKey(Schema.String),
      /** What to do if it lasts. */
      advice: Schema.optionalKey(Schema.String)
    })
  ),
  /** What is wrong with the mount or the files, and what happens next. */
  harm: Schema.optionalKey(Schema.String),
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
