/**
 * What survives a restart of certlet: one record per volume, kept under the data root, which is memory-backed. It holds
 * what the kubelet asked for, as it asked for it (the spec is decoded again, by the one decoder), the times of the
 * certificate that the volume holds, and, while a request is pending, that request and its key, so that a restarted
 * certlet picks it up instead of asking again. Tokens of the pod's ServiceAccount are never recorded, passwords of
 * keystores only sealed.
 */
import { Context, type Effect, Option, Predicate, Schema } from "effect"
import type { Temper } from "../Temper.ts"

/** What the pod's followed variables stood for when names were made of them: `POD_IP` is "10.0.0.7". */
const Followed = Schema.optionalKey(Schema.Record(Schema.String, Schema.String))

/** The certificate that the volume holds. Times are ISO 8601 in records, `DateTime.Utc` in memory. */
export const IssuedRecord = Schema.Struct({
  requestName: Schema.String,
  serialNumber: Schema.String,
  notBefore: Schema.DateTimeUtcFromString,
  notAfter: Schema.DateTimeUtcFromString,
  /** When the next certificate is due, jitter included: decided once, so that a restart moves no herd. */
  renewAt: Schema.DateTimeUtcFromString,
  followed: Followed,
  /** What the pod's owner should know of it: sentences. */
  remarks: Schema.optionalKey(Schema.Array(Schema.String))
})
export type IssuedRecord = typeof IssuedRecord.Type

/** A request that has been, or is about to be, submitted, and what is needed to finish with it. */
export const PendingRecord = Schema.Struct({
  requestName: Schema.String,
  /** PKCS#10, PEM. */
  signingRequest: Schema.String,
  /** PKCS#8 DER of the key that this request is for. */
  privateKey: Schema.RedactedFromValue(Schema.Uint8ArrayFromBase64),
  since: Schema.DateTimeUtcFromString,
  followed: Followed
})
export type PendingRecord = typeof PendingRecord.Type

/**
 * One volume. The rule for later versions: a field keeps its name and its meaning for ever, and what changes its
 * meaning gets a new name. So an older certlet takes of a newer record what it knows, and renews the volume.
 */
export const VolumeRecord = Schema.Struct({
  version: Schema.Literal(1),
  volumeId: Schema.String,
  target: Schema.String,
  /** The volume context as the kubelet sent it, without tokens and passwords. */
  context: Schema.Record(Schema.String, Schema.String),
  mountFlags: Schema.Array(Schema.String),
  /** The kubelet's `volume_mount_group`, a gid in decimal, or empty. */
  volumeMountGroup: Schema.String,
  issued: Schema.OptionFromOptionalKey(IssuedRecord),
  /**
   * The passwords of the volume's keystores, sealed (`Seal`): those that the volume holds, and, while its files change,
   * those that it is to hold.
   */
  sealed: Schema.optionalKey(Schema.Array(Schema.Uint8ArrayFromBase64)),
  pending: Schema.OptionFromOptionalKey(PendingRecord)
})
export type VolumeRecord = typeof VolumeRecord.Type

/** A record without its pending request: no key is in it. */
export const withoutPending = (record: VolumeRecord): VolumeRecord => ({ ...record, pending: Option.none() })

const RecordText = Schema.fromJsonString(VolumeRecord)

/** A record as the text that is kept. */
export const encodeRecord = Schema.encodeEffect(RecordText)

const decodeText = Schema.decodeUnknownOption(RecordText)
const decodeObject = Schema.decodeUnknownOption(VolumeRecord)
const parseObject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** What a kept text turns out to be: a record, one of a later version that nothing can be taken from, or damage. */
export type DecodedRecord =
  | { readonly _tag: "Read"; readonly record: VolumeRecord }
  | { readonly _tag: "Later" }
  | { readonly _tag: "Damaged" }

/**
 * A record of a later version, as far as this one knows it; a pending request that it does not know is asked for again.
 */
const decodeLater = (found: Readonly<Record<string, unknown>>): Option.Option<VolumeRecord> => {
  const { pending: _, ...settled } = found
  return Option.orElse(decodeObject({ ...found, version: 1 }), () => decodeObject({ ...settled, version: 1 }))
}

/** Reads what was kept of a volume, by this version of certlet or by a later one. */
export const decodeRecord = (text: string): DecodedRecord => {
  const present = decodeText(text)
  if (Option.isSome(present)) return { _tag: "Read", record: present.value }
  const found = Option.getOrUndefined(parseObject(text))
  if (found === undefined || !Predicate.isNumber(found.version) || found.version <= 1) return { _tag: "Damaged" }
  return Option.match(decodeLater(found), {
    onNone: () => ({ _tag: "Later" }),
    onSome: (record) => ({ _tag: "Read", record })
  })
}

const idKey = '"volumeId":"'
/** The CSI specification lets an id have 128 bytes, and JSON may write each as six. */
const longestId = 6 * 128

/** The volume that a damaged record's text speaks of, if it still says so; read in linear time, once. */
export const volumeIdIn = (text: string): string => {
  const at = text.indexOf(idKey)
  const rest = at < 0 ? "" : text.slice(at + idKey.length, at + idKey.length + longestId + 1)
  return /^((?:[^"\\]|\\.)*)"/.exec(rest)?.[1] ?? "unknown"
}

/** A record could not be kept or removed. */
export class RecordError extends Schema.TaggedError<RecordError>()("RecordError", {
  reason: Schema.Literals(["Full", "Io"]),
  action: Schema.String,
  volumeId: Schema.String,
  detail: Schema.String
}) {
  readonly temper: Temper = "transient"
  override get message(): string {
    return `${this.action} the record of volume ${this.volumeId}: ${this.detail}`
  }
}

/**
 * The records of this node's volumes.
 *
 * Laws: what was saved is what `all` returns; a save is all or nothing, also across a crash; a record that was read and
 * makes no sense is set aside with a warning and hinders no other; one that cannot be read now, or that a later version
 * wrote, stays where it is; removing what is not there succeeds; no record is readable by anyone but certlet's own
 * user; while `keepsKeys` is false a pending request, which has a key, is not kept, and is asked for again after a
 * restart.
 */
export class VolumeRecords extends Context.Service<
  VolumeRecords,
  {
    readonly save: (record: VolumeRecord) => Effect.Effect<void, RecordError>
    readonly remove: (volumeId: string) => Effect.Effect<void, RecordError>
    readonly all: Effect.Effect<ReadonlyArray<VolumeRecord>, RecordError>
    /** True while records live in memory. On a disk a key must never be. */
    readonly keepsKeys: Effect.Effect<boolean>
  }
>()("certlet/volume/VolumeRecords") {}
