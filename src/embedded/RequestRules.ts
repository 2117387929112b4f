/**
 * What the embedded API server demands of a CertificateRequest, and how its controllers write one's status. The rules
 * are those of cert-manager's schema and webhook as far as a client can break them; the conditions are worded as
 * cert-manager's approver and CA issuer word them, because that is what clients read. Pure.
 */
import { Option, Predicate, Result, Schema } from "effect"
import { parseGoDuration } from "../spec/GoDuration.ts"
import { KeyUsage } from "../spec/KeyUsage.ts"
import { type Refusal, refusal } from "./ApiStatus.ts"
import type { NewObject, StoredObject } from "./ObjectStore.ts"

const Spec = Schema.Struct({
  request: Schema.String,
  issuerRef: Schema.Struct({
    name: Schema.NonEmptyString,
    kind: Schema.optionalKey(Schema.String),
    group: Schema.optionalKey(Schema.String)
  }),
  duration: Schema.optionalKey(Schema.String),
  isCA: Schema.optionalKey(Schema.Boolean),
  usages: Schema.optionalKey(Schema.Array(KeyUsage))
})

/** `spec` of a CertificateRequest (`cert-manager.io/v1`). */
export type RequestSpec = typeof Spec.Type

const StringMap = Schema.Record(Schema.String, Schema.String)

const Body = Schema.Struct({
  apiVersion: Schema.Literal("cert-manager.io/v1"),
  kind: Schema.Literal("CertificateRequest"),
  metadata: Schema.Struct({
    name: Schema.NonEmptyString,
    namespace: Schema.optionalKey(Schema.String),
    labels: Schema.optionalKey(StringMap),
    annotations: Schema.optionalKey(StringMap),
    ownerReferences: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          apiVersion: Schema.NonEmptyString,
          kind: Schema.NonEmptyString,
          name: Schema.NonEmptyString,
          uid: Schema.NonEmptyString,
          controller: Schema.optionalKey(Schema.Boolean),
          blockOwnerDeletion: Schema.optionalKey(Schema.Boolean)
        })
      )
    )
  }),
  spec: Spec
})

const decodeBody = Schema.decodeUnknownResult(Body)
const decodeSpec = Schema.decodeUnknownResult(Spec)

/** RFC 1123 subdomain: what an object may be called. */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
/** A label's value: empty, or up to 63 of these. */
const labelValue = /^([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$/

/** The PEM text in a `spec.request`, which is base64; none where it is no signing request at all. */
export const signingRequestOf = (spec: RequestSpec): Option.Option<string> => {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(spec.request) || spec.request.length % 4 !== 0) return Option.none()
  const text = atob(spec.request)
  return text.includes("-----BEGIN CERTIFICATE REQUEST-----") ? Option.some(text) : Option.none()
}

/** The object that a POST brings, if it may be created in this namespace. */
export const newRequest = (body: unknown, namespace: string, user: string): Result.Result<NewObject, Refusal> => {
  const decoded = decodeBody(body)
  const given = Predicate.hasProperty(body, "metadata") && Predicate.hasProperty(body.metadata, "name")
  const name = given && Predicate.hasProperty(body.metadata, "name") ? String(body.metadata.name) : ""
  if (Result.isFailure(decoded)) return Result.fail(refusal.invalid(name, "object", decoded.failure.message))
  const { metadata, spec } = decoded.success
  if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
    return Result.fail(refusal.badRequest("the namespace of the provided object does not match the namespace sent"))
  }
  if (!subdomain.test(name) || name.length > 253) {
    return Result.fail(refusal.invalid(name, "metadata.name", "must be an RFC 1123 subdomain"))
  }
  const badLabel = Object.entries(metadata.labels ?? {}).find(([, value]) => !labelValue.test(value))
  if (badLabel) return Result.fail(refusal.invalid(name, `metadata.labels[${badLabel[0]}]`, "not a label value"))
  if (Option.isNone(signingRequestOf(spec))) {
    return Result.fail(refusal.invalid(name, "spec.request", "error decoding certificate request PEM block"))
  }
  if (spec.duration !== undefined && Option.isNone(parseGoDuration(spec.duration))) {
    return Result.fail(refusal.invalid(name, "spec.duration", "not a duration"))
  }
  // As cert-manager's webhook does: who asked is written into the request, whatever the client said.
  return Result.succeed({ ...decoded.success, metadata: { ...metadata, namespace }, spec: { ...spec, username: user } })
}

/** `spec` of a stored request; none where somebody has written nonsense into it. */
export const specOf = (object: StoredObject): Option.Option<RequestSpec> => Result.getSuccess(decodeSpec(object.spec))

/** One condition as it is stored. */
export interface StoredCondition {
  readonly type: string
  readonly status: "True" | "False"
  readonly reason: string
  readonly message: string
}

const conditionsOf = (object: StoredObject): ReadonlyArray<StoredCondition> =>
  Predicate.hasProperty(object.status, "conditions") && Array.isArray(object.status.conditions)
    ? object.status.conditions
    : []

/** True where the object carries this condition with this status. */
export const hasCondition = (object: StoredObject, type: string, status: "True" | "False"): boolean =>
  conditionsOf(object).some((condition) => condition.type === type && condition.status === status)

/** True where the object carries this very condition. */
export const carries = (object: StoredObject, { message, reason, status, type }: StoredCondition): boolean =>
  conditionsOf(object).some(
    (other) => other.type === type && other.status === status && other.reason === reason && other.message === message
  )

/** True where the controllers have nothing more to do: signed, failed, denied or invalid. */
export const isFinished = (object: StoredObject): boolean =>
  hasCondition(object, "Ready", "True") ||
  hasCondition(object, "Denied", "True") ||
  hasCondition(object, "InvalidRequest", "True") ||
  conditionsOf(object).some((condition) => condition.type === "Ready" && condition.reason === "Failed")

/** The object with a condition set, which replaces one of the same type, and with further fields of its status. */
export const withCondition = (
  object: StoredObject,
  condition: StoredCondition,
  now: string,
  status: Readonly<Record<string, string>> = {}
): StoredObject => ({
  ...object,
  status: {
    ...(Predicate.isObject(object.status) ? object.status : {}),
    ...status,
    conditions: [
      ...conditionsOf(object).filter((other) => other.type !== condition.type),
      { ...condition, lastTransitionTime: now }
    ]
  }
})

/** The conditions that cert-manager's own controllers write. */
export const condition = {
  approved: {
    type: "Approved",
    status: "True",
    reason: "cert-manager.io",
    message: "Certificate request has been approved by cert-manager.io"
  },
  denied: (message: string) => ({ type: "Denied", status: "True", reason: "policy.cert-manager.io", message }) as const,
  deniedReady: {
    type: "Ready",
    status: "False",
    reason: "Denied",
    message: "The CertificateRequest was denied by an approval controller"
  },
  invalid: (message: string) =>
    ({ type: "InvalidRequest", status: "True", reason: "InvalidRequest", message }) as const,
  pending: (message: string) => ({ type: "Ready", status: "False", reason: "Pending", message }) as const,
  noIssuer: (kind: string, name: string) => {
    const error = `${kind.toLowerCase()}.cert-manager.io "${name}" not found`
    return condition.pending(`Referenced "${kind}" not found: ${error}`)
  },
  failed: (message: string) => ({ type: "Ready", status: "False", reason: "Failed", message }) as const,
  issued: {
    type: "Ready",
    status: "True",
    reason: "Issued",
    message: "Certificate fetched from issuer successfully"
  }
} as const
