/**
 * How a volume is doing is decided here, for everybody who asks: its status, for an operator and for the gauges, and
 * its complaints, for the kubelet. A complaint is what somebody should hear of: a lost mount, missing or damaged files,
 * no certificate, one that has expired or is about to because its renewal is late, a renewal that keeps failing. What
 * passes by itself is not one, so that a volume is not abnormal for the moment that a renewal takes.
 */
import { DateTime, Duration, Effect, Option, Ref, Result } from "effect"
import { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { faultsSentence } from "../spec/SpecError.ts"
import { type VolumeCondition, type VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import type { IssuedRecord } from "../volume/VolumeRecord.ts"
import { adviceFor, adviceForWait } from "./Advice.ts"
import { contentsOf } from "./contentsOf.ts"
import { UnknownVolume } from "./DriverError.ts"
import { namesOf } from "./namesOf.ts"
import { missingPrerequisite } from "./prerequisites.ts"
import { isLate, persistent } from "./tell.ts"
import { type Untended, untendedComplaint } from "./Untended.ts"
import { type Volume, Volumes } from "./Volume.ts"
import type { VolumeComplaint, VolumeReport, VolumeState, VolumeStatus } from "./VolumeStatus.ts"

const waitsFor = { AwaitingApproval: "approval", AwaitingSignature: "signature" } as const

const pendingOf = Effect.fnUntraced(function* (volume: Volume) {
  const requests = yield* CertificateRequests
  const { pending } = yield* Ref.get(volume.record)
  if (Option.isNone(pending)) return undefined
  const { requestName, since } = pending.value
  const state = yield* requests.state({ namespace: volume.spec.pod.namespace, name: requestName })
  const { _tag } = state
  const whom = _tag === "AwaitingApproval" || _tag === "AwaitingSignature" ? waitsFor[_tag] : "the API server"
  const message = _tag === "AwaitingSignature" && state.message !== "" ? { message: state.message } : {}
  return { requestName, since, waitsFor: whom, ...message, advice: adviceForWait[whom] } as const
})

const failureOf = Effect.fnUntraced(function* (volume: Volume) {
  const last = Option.getOrUndefined(yield* Ref.get(volume.lastFailure))
  if (last === undefined) return undefined
  const { at, error, failures, nextTry } = last
  return { sentence: error.message, advice: adviceFor(error.reason), temper: error.temper, failures, at, nextTry }
})

const stateOf = (
  status: Pick<VolumeStatus, "certificate" | "pending" | "failure">,
  harm: VolumeComplaint | undefined,
  now: DateTime.Utc
): VolumeState => {
  if (status.certificate === undefined) return status.failure === undefined ? "Issuing" : "Failing"
  if (DateTime.isLessThanOrEqualTo(status.certificate.notAfter, now)) return "Expired"
  if (harm?.severity === "inaccessible") return "Lost"
  if (status.failure !== undefined) return "Failing"
  if (harm !== undefined) return "Damaged"
  return status.pending === undefined ? "Ready" : "Renewing"
}

const certificateOf = ({ notAfter, notBefore, renewAt, requestName, serialNumber }: IssuedRecord) => ({
  requestName,
  serialNumber,
  notBefore,
  notAfter,
  renewAt
})

/** Said as long as the volume lives: nobody tells certlet which containers have been restarted since. */
const remountedRemark = (at: DateTime.Utc): string =>
  `the volume was mounted again at ${DateTime.formatIso(at)}, after somebody had unmounted it; a container that ran then ` +
  "does not see renewals: restart the pod"

const remarksOn = Effect.fnUntraced(function* (
  { remounted, spec }: Volume,
  issued: Option.Option<IssuedRecord>
): Effect.fn.Return<Pick<VolumeStatus, "remarks">> {
  const ofCertificate = Option.match(issued, { onNone: () => [], onSome: ({ remarks }) => remarks ?? [] })
  const ofMount = Option.toArray(yield* Ref.get(remounted)).map(remountedRemark)
  const remarks = [...spec.remarks.map((remark) => faultsSentence([remark])), ...ofCertificate, ...ofMount]
  return remarks.length === 0 ? {} : { remarks }
})

/**
 * What is wrong with the mount or the files of a volume that has been filled. While its files are being swapped nothing
 * is.
 */
const harmTo = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  const { issued } = yield* Ref.get(volume.record)
  const looked = yield* volume.swapping.withPermitsIfAvailable(1)(Effect.result(fs.inspect(volume.place.target)))
  if (Option.isNone(looked)) return undefined
  const harm = Result.match(looked.value, {
    onFailure: unreadable,
    onSuccess: (found) => placeComplaint(found, Option.isSome(issued))
  })
  yield* Ref.set(volume.lastLook, Option.some({ at: yield* DateTime.now, harm: Option.fromUndefinedOr(harm) }))
  return harm
})

/** For so long the gauges go by the last look: a scraper comes often, and a node has many volumes. */
const lookLasts = Duration.minutes(1)

const harmLately = Effect.fnUntraced(function* (volume: Volume) {
  const now = yield* DateTime.now
  const last = Option.filter(yield* Ref.get(volume.lastLook), ({ at }) => {
    const age = DateTime.distance(at, now)
    return !Duration.isNegative(age) && Duration.isLessThan(age, lookLasts)
  })
  return Option.isSome(last) ? Option.getOrUndefined(last.value.harm) : yield* harmTo(volume)
})

const unreadable = ({ message }: VolumeError): VolumeComplaint => ({
  severity: "inaccessible",
  reason: "VolumeUnreadable",
  sentence: message
})

/** The status of a volume now. */
export const volumeStatus = Effect.fnUntraced(function* (volume: Volume) {
  return yield* statusWith(volume, yield* harmTo(volume))
})

/** The status of a volume for the gauges, whose mount and files were looked at within the last minute. */
export const measuredStatus = Effect.fnUntraced(function* (volume: Volume) {
  return yield* statusWith(volume, yield* harmLately(volume))
})

/** The status of a volume whose mount and files have been looked at. */
const statusWith = Effect.fnUntraced(function* (volume: Volume, harm: VolumeComplaint | undefined) {
  const { issued } = yield* Ref.get(volume.record)
  const certificate = Option.getOrUndefined(Option.map(issued, certificateOf))
  const pending = yield* pendingOf(volume)
  const failure = yield* failureOf(volume)
  const isWaiting = pending === undefined && (yield* Ref.get(volume.renewing))
  const missing = isWaiting ? yield* missingPrerequisite(volume) : Option.none<string>()
  const refusal = yield* Ref.get(volume.refusal)
  const { name, namespace, uid } = volume.spec.pod
  const parts = {
    ...(certificate === undefined ? {} : { certificate }),
    ...(pending === undefined ? {} : { pending }),
    ...(Option.isNone(missing) ? {} : { missing: missing.value }),
    ...(Option.isNone(refusal) ? {} : { refused: `${refusal.value.message}; ${adviceFor(refusal.value)}` }),
    ...(failure === undefined ? {} : { failure }),
    ...(certificate === undefined || harm === undefined ? {} : { harm: harm.sentence }),
    ...(yield* remarksOn(volume, issued))
  }
  const status: VolumeStatus = {
    volumeId: volume.id,
    target: volume.place.target,
    pod: { namespace, name, uid },
    issuer: volume.spec.issuer,
    names: namesOf(volume.spec),
    state: stateOf(parts, harm, yield* DateTime.now),
    ...contentsOf(volume.spec),
    ...parts
  }
  return status
})

/** What the kubelet is told of a volume. A path that is given must be the volume's target. */
export const inspectVolume = Effect.fn("driver.inspect")(function* (volumeId: string, path: Option.Option<string>) {
  const volumes = yield* Volumes
  const untended = (yield* volumes.untended).get(volumeId)
  const volume = Option.getOrUndefined(yield* volumes.get(volumeId))
  const target = untended?.target ?? volume?.place.target
  if (target === undefined || Option.exists(path, (path) => path !== target)) {
    return yield* new UnknownVolume({ volumeId })
  }
  if (untended !== undefined) return yield* reportUntended(untended)
  return volume === undefined ? yield* new UnknownVolume({ volumeId }) : yield* report(volume)
})

/** This is all that is known of a volume that certlet leaves as it is; another driver's has no usage. */
const reportUntended = Effect.fnUntraced(function* (volume: Untended): Effect.fn.Return<VolumeReport, never, VolumeFS> {
  const fs = yield* VolumeFS
  const usage = yield* Effect.orElseSucceed(fs.usage(volume.target), () => Option.none())
  return { usage, complaints: [untendedComplaint(volume)] }
})

const report = Effect.fnUntraced(function* (volume: Volume): Effect.fn.Return<VolumeReport, never, Needs> {
  const fs = yield* VolumeFS
  const usage = yield* Effect.result(fs.usage(volume.place.target))
  const harm = Option.getOrUndefined(Option.map(Result.getFailure(usage), unreadable)) ?? (yield* harmTo(volume))
  const ofCertificate = yield* certificateComplaints(volume, yield* statusWith(volume, harm))
  const complaints = harm === undefined ? ofCertificate : [harm, ...ofCertificate]
  return { usage: Result.getOrElse(usage, () => Option.none()), complaints }
})

type Needs = VolumeFS | Effect.Services<ReturnType<typeof volumeStatus>>

const placeComplaint = (found: VolumeCondition, wasFilled: boolean): VolumeComplaint | undefined => {
  if (found === "filled") return undefined
  if (found === "empty") {
    const sentence = "the volume's files were removed; the next publish restores them"
    return wasFilled ? { severity: "degraded", reason: "FilesMissing", sentence } : undefined
  }
  if (found === "damaged") {
    const sentence = "the volume's files were changed or removed on the node; the next publish restores them"
    return { severity: "degraded", reason: "FilesDamaged", sentence }
  }
  const sentence = "the volume's mount is gone; the next publish mounts it again, and then the pod must be restarted"
  return { severity: "inaccessible", reason: "MountLost", sentence }
}

const certificateComplaints = Effect.fnUntraced(function* (
  volume: Volume,
  { certificate, failure, refused }: VolumeStatus
) {
  const complaints: Array<VolumeComplaint> = []
  const complain = (reason: VolumeComplaint["reason"], sentence: string) =>
    void complaints.push({ severity: "degraded", reason, sentence })
  const now = yield* DateTime.now
  const { issued } = yield* Ref.get(volume.record)
  if (certificate === undefined) complain("CertificateNotIssued", "the volume has no certificate yet")
  else if (DateTime.isLessThanOrEqualTo(certificate.notAfter, now)) {
    complain("CertificateExpired", `the certificate expired at ${DateTime.formatIso(certificate.notAfter)}`)
  } else if (Option.exists(issued, (held) => isLate(held, now))) {
    complain(
      "CertificateNearExpiry",
      `the certificate expires at ${DateTime.formatIso(certificate.notAfter)}, and its renewal has been due since ${DateTime.formatIso(certificate.renewAt)}`
    )
  }
  if (failure !== undefined && (failure.temper === "refused" || failure.failures >= persistent)) {
    complain(
      "CertificateNotRenewed",
      `${failure.failures} attempts in a row failed: ${failure.sentence}; ${failure.advice}`
    )
  }
  if (refused !== undefined) {
    complain("VolumeRefused", `the volume keeps its files, but the kubelet's last call was refused: ${refused}`)
  }
  return complaints
})
