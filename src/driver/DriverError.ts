/**
 * The second storey of errors: which operation failed on which volume, and the leaf error that made it fail. Nobody
 * below knows these, and nobody above looks into a leaf without its operation: the sentence a pod's owner reads needs
 * both. The temper is always the leaf's own.
 */
import { Effect, Schema } from "effect"
import { Defect } from "../Defect.ts"
import { RequestError } from "../issuance/CertificateRequests.ts"
import { IssuanceError } from "../issuance/IssuanceError.ts"
import { KeyError } from "../issuance/KeyGenerator.ts"
import { SpecError } from "../spec/SpecError.ts"
import type { Temper } from "../Temper.ts"
import { VolumeError } from "../volume/VolumeFS.ts"
import { RecordError } from "../volume/VolumeRecord.ts"

/** The volume was unpublished while its publish was waiting. */
export class Unpublished extends Schema.TaggedError<Unpublished>()("Unpublished", {}) {
  readonly temper: Temper = "waiting"
  override get message(): string {
    return "the volume was unpublished meanwhile"
  }
}

/** There is no volume with this id on the node, or it has another target. */
export class UnknownVolume extends Schema.TaggedError<UnknownVolume>()("UnknownVolume", { volumeId: Schema.String }) {
  readonly temper: Temper = "refused"
  override get message(): string {
    return "there is no such volume on this node"
  }
}

/** A renewal, or a volume's first issue, did not end with new files in the volume. */
export class RenewError extends Schema.TaggedError<RenewError>()("RenewError", {
  volumeId: Schema.String,
  /** `namespace/name`. */
  pod: Schema.String,
  reason: Schema.Union([SpecError, KeyError, RequestError, IssuanceError, VolumeError, RecordError, Defect])
}) {
  get temper(): Temper {
    return this.reason.temper
  }
  override get message(): string {
    return this.reason.message
  }
}

/** A publish did not end with files in the volume. */
export class PublishError extends Schema.TaggedError<PublishError>()("PublishError", {
  volumeId: Schema.String,
  /** `namespace/name`; empty where the kubelet's call does not say. */
  pod: Schema.String,
  reason: Schema.Union([
    SpecError,
    KeyError,
    RequestError,
    IssuanceError,
    VolumeError,
    RecordError,
    Defect,
    Unpublished
  ]),
  /** Why the kubelet has to call again although the call has ended: what is left on the node, as a clause. */
  left: Schema.Option(Schema.String).pipe(Schema.withConstructorDefault(Effect.succeedNone))
}) {
  get temper(): Temper {
    return this.reason.temper
  }
  override get message(): string {
    return this.reason.message
  }
}

/** An unpublish left something behind. */
export class UnpublishError extends Schema.TaggedError<UnpublishError>()("UnpublishError", {
  volumeId: Schema.String,
  reason: VolumeError
}) {
  get temper(): Temper {
    return this.reason.temper
  }
  override get message(): string {
    return this.reason.message
  }
}
