/**
 * The Kubernetes object CertificateRequest (`cert-manager.io/v1`), as far as certlet reads it, and what its conditions
 * mean. The schema keeps the fields that matter and drops the rest, so that a store of a thousand requests stays small.
 * A condition is read the way cert-manager's own controllers write it; a request that carries none is simply pending.
 */
import { Result, Schema } from "effect"
import type { NamespacedName } from "../spec/NamespacedName.ts"

/** Which request: the key of the object in the API. */
export type RequestReference = NamespacedName

/** One entry of `status.conditions`. */
export const Condition = Schema.Struct({
  type: Schema.String,
  status: Schema.String,
  reason: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String)
})

/** The object as the API server sends it, reduced to what certlet reads. `certificate` and `ca` are base64 of PEM. */
export const CertificateRequest = Schema.Struct({
  metadata: Schema.Struct({
    name: Schema.String,
    namespace: Schema.String,
    uid: Schema.String,
    resourceVersion: Schema.String,
    creationTimestamp: Schema.optionalKey(Schema.NullOr(Schema.String)),
    labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    ownerReferences: Schema.optionalKey(Schema.Array(Schema.Struct({ uid: Schema.String })))
  }),
  status: Schema.optionalKey(
    Schema.Struct({
      conditions: Schema.optionalKey(Schema.Array(Condition)),
      certificate: Schema.optionalKey(Schema.NullOr(Schema.String)),
      ca: Schema.optionalKey(Schema.NullOr(Schema.String))
    })
  )
})
export type CertificateRequest = typeof CertificateRequest.Type

/** What the issuer handed out: PEM texts. `ca` is empty where the issuer names none. */
export interface SignedCertificate {
  /** The leaf first, then its intermediates. */
  readonly certificate: string
  readonly ca: string
}

/** Where a request stands. The first three are still on their way; the last three are ends without a certificate. */
export type RequestState =
  | { readonly _tag: "Unseen" }
  | { readonly _tag: "AwaitingApproval" }
  | { readonly _tag: "AwaitingSignature"; readonly message: string }
  | { readonly _tag: "Ready"; readonly signed: SignedCertificate }
  | { readonly _tag: "Denied"; readonly message: string }
  | { readonly _tag: "Failed"; readonly message: string }
  | { readonly _tag: "InvalidRequest"; readonly message: string }

/** What is no base64 becomes an empty text here, and a mismatch when the answer is checked. */
const pem = (base64: string | null | undefined): string =>
  Result.getOrElse(
    Result.try(() => atob(base64 ?? "")),
    () => ""
  )

/**
 * What a request's conditions say, in cert-manager's order of precedence: denial, invalidity, failure, readiness,
 * approval.
 */
export const requestState = (request: CertificateRequest): RequestState => {
  const conditions = request.status?.conditions ?? []
  const find = (type: string, status: string, reason?: string) =>
    conditions.find(
      (condition) =>
        condition.type === type && condition.status === status && (reason === undefined || condition.reason === reason)
    )
  const denied = find("Denied", "True")
  if (denied) return { _tag: "Denied", message: denied.message ?? "" }
  const invalid = find("InvalidRequest", "True")
  if (invalid) return { _tag: "InvalidRequest", message: invalid.message ?? "" }
  const failed = find("Ready", "False", "Failed") ?? find("Ready", "False", "Denied")
  if (failed) return { _tag: "Failed", message: failed.message ?? "" }
  if (find("Ready", "True") && request.status?.certificate) {
    return { _tag: "Ready", signed: { certificate: pem(request.status.certificate), ca: pem(request.status.ca) } }
  }
  if (!find("Approved", "True")) return { _tag: "AwaitingApproval" }
  return {
    _tag: "AwaitingSignature",
    message: conditions.find((condition) => condition.type === "Ready")?.message ?? ""
  }
}
