/**
 * How a volume is doing, as a value: what an operator is shown by `certlet status`, and what the gauges count. It holds names, times and sentences, and never a key or a token. It is taken from a
 * volume at one moment and does not change afterwards.
 */
import { DateTime, Effect, Option, Ref, Schema } from "effect"
import { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { attributeTypes } from "../spec/DistinguishedName.ts"
import { adviceFor } from "./Advice.ts"
import { missingPrerequisite } from "./prerequisites.ts"
import type { Volume } from "./Volume.ts"

/**
 * `Ready`: a valid certificate, and nothing to do before its renewal. `Renewing`: a valid one, and the next is being asked for.
 * `Failing`: the last attempt failed, and another one will follow. `Issuing`: the first one is being asked for. `Expired`: the
 * certificate has run out.
 */
export const VolumeState = Schema.Literals(["Ready", "Renewing", "Failing", "Issuing", "Expired"])
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
  /** The request that is open, and whom it waits for. */
  pending: Schema.optionalKey(
    Schema.Struct({
      requestName: Schema.String,
      since: Schema.DateTimeUtcFromString,
      waitsFor: Schema.Literals(["approval", "signature", "the API server"])
    })
  ),
  /** What has to be there before a certificate is asked for. */
  missing: Schema.optionalKey(Schema.String),
  /** Why the volume has no newer certificate. */
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

const namesOf = ({ spec }: Volume): ReadonlyArray<string> => {
  const common = spec.subject.flatMap((rdn) =>
    rdn.filter(({ type }) => type === attributeTypes.CN).map(({ value }) => value)
  )
  return [...new Set([...common, ...spec.dnsNames, ...spec.ipAddresses, ...spec.uris])]
}

const waitsFor = { AwaitingApproval: "approval", AwaitingSignature: "signature" } as const

const pendingOf = Effect.fnUntraced(function* (volume: Volume) {
  const requests = yield* CertificateRequests
  const { pending } = yield* Ref.get(volume.record)
  if (pending === undefined) return undefined
  const { requestName, since } = pending
  const { _tag } = yield* requests.state({ namespace: volume.spec.pod.namespace, name: requestName })
  const whom = _tag === "AwaitingApproval" || _tag === "AwaitingSignature" ? waitsFor[_tag] : "the API server"
  return { requestName, since, waitsFor: whom } as const
})

const failureOf = Effect.fnUntraced(function* (volume: Volume) {
  const last = Option.getOrUndefined(yield* Ref.get(volume.lastFailure))
  if (last === undefined) return undefined
  const { at, error, failures, nextTry } = last
  return { sentence: error.message, advice: adviceFor(error.reason), temper: error.temper, failures, at, nextTry }
})

const stateOf = (status: Pick<VolumeStatus, "certificate" | "pending" | "failure">, now: DateTime.Utc): VolumeState => {
  if (status.certificate === undefined) return status.failure === undefined ? "Issuing" : "Failing"
  if (DateTime.isLessThanOrEqualTo(status.certificate.notAfter, now)) return "Expired"
  if (status.failure !== undefined) return "Failing"
  return status.pending === undefined ? "Ready" : "Renewing"
}

/** How a volume is doing now. */
export const statusOf = Effect.fnUntraced(function* (volume: Volume) {
  const { issued: certificate } = yield* Ref.get(volume.record)
  const pending = yield* pendingOf(volume)
  const failure = yield* failureOf(volume)
  const isWaiting = pending === undefined && (yield* Ref.get(volume.renewing))
  const missing = isWaiting ? yield* missingPrerequisite(volume) : Option.none<string>()
  const { name, namespace, uid } = volume.spec.pod
  const parts = {
    ...(certificate === undefined ? {} : { certificate }),
    ...(pending === undefined ? {} : { pending }),
    ...(Option.isNone(missing) ? {} : { missing: missing.value }),
    ...(failure === undefined ? {} : { failure })
  }
  const status: VolumeStatus = {
    volumeId: volume.id,
    target: volume.place.target,
    pod: { namespace, name, uid },
    issuer: volume.spec.issuer,
    names: namesOf(volume),
    state: stateOf(parts, yield* DateTime.now),
    ...parts
  }
  return status
})
