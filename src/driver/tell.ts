/**
 * What a pod's owner is told of a volume, as Events on the pod: that a request waits for somebody, that it was denied
 * or failed, that a renewal came late, that damage was healed, that a mount was lost. Each sentence says what happened,
 * for how long, and what to do. The programs call these functions when it happens; what repeats is folded behind the
 * contract.
 */
import { DateTime, Duration, Effect, Option, Ref } from "effect"
import { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { IssuanceError } from "../issuance/IssuanceError.ts"
import { isTooShort, leastInterval, lifetime } from "../issuance/RenewalTime.ts"
import type { EventReason, PodEvent } from "../kube/PodEvents.ts"
import { PodEvents } from "../kube/PodEvents.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import { faultsSentence, type SpecError } from "../spec/SpecError.ts"
import { spokenDuration } from "../spec/spokenDuration.ts"
import type { IssuedRecord } from "../volume/VolumeRecord.ts"
import { adviceFor } from "./Advice.ts"
import type { RenewError } from "./DriverError.ts"
import type { Remark } from "./remarksOf.ts"
import { type Untended, untendedSentence } from "./Untended.ts"
import type { Volume } from "./Volume.ts"

/** When an open request is reported: after these pauses, and then every quarter of an hour. */
const firstReminders = [Duration.seconds(15), Duration.seconds(45), Duration.minutes(4)]
const laterReminders = Duration.minutes(15)
/** From how many failures in a row a failure is told that does not end a request. */
export const persistent = 3

const tell = (
  { spec }: { readonly spec: Pick<Volume["spec"], "pod"> },
  type: PodEvent["type"],
  reason: EventReason,
  note: string
) => Effect.flatMap(PodEvents, (events) => events.tell({ pod: spec.pod, type, reason, note }))

/** Tells something now and then. It never ends: it races with what is waited for. */
const remind = Effect.fnUntraced(function* <R>(
  saying: Effect.Effect<void, never, R>
): Effect.fn.Return<never, never, R> {
  for (const pause of firstReminders) {
    yield* Effect.sleep(pause)
    yield* saying
  }
  while (true) {
    yield* Effect.sleep(laterReminders)
    yield* saying
  }
})

/** Tells now and then what an open request waits for. */
export const remindOfRequest = (volume: Volume): Effect.Effect<never, never, CertificateRequests | PodEvents> =>
  remind(tellOpen(volume))

/** Tells now and then what is missing before a certificate can be requested. */
export const remindOfMissing = <R>(volume: Volume, missing: Effect.Effect<Option.Option<string>, never, R>) =>
  Effect.flatMap(DateTime.now, (began) =>
    remind(
      Effect.gen(function* () {
        const found = yield* missing
        if (Option.isNone(found)) return
        const waited = spokenDuration(DateTime.distance(began, yield* DateTime.now))
        const note = `no certificate requested yet: waiting ${waited} for ${found.value}; certlet requests it as soon as it is there`
        yield* tell(volume, "Warning", "CertificateNotRequested", note)
      })
    )
  )

const tellOpen = Effect.fnUntraced(function* (volume: Volume) {
  const requests = yield* CertificateRequests
  const { pending } = yield* Ref.get(volume.record)
  if (Option.isNone(pending)) return
  const { issuer, pod } = volume.spec
  const request = { namespace: pod.namespace, name: pending.value.requestName }
  const state = yield* requests.state(request)
  const waited = spokenDuration(DateTime.distance(pending.value.since, yield* DateTime.now))
  if (state._tag === "AwaitingApproval") {
    const note =
      `CertificateRequest ${namespacedName(request)} has waited ${waited} for approval; ` +
      `approve it (cmctl approve -n ${request.namespace} ${request.name}), or look at the approver's policy`
    yield* tell(volume, "Warning", "CertificateNotApproved", note)
  }
  if (state._tag === "AwaitingSignature") {
    const words = state.message === "" ? "" : ` (${state.message})`
    const note =
      `CertificateRequest ${namespacedName(request)} is approved and has not been signed for ${waited}${words}; ` +
      `look at the status of ${issuer.kind} ${issuer.name}`
    yield* tell(volume, "Warning", "CertificateNotSigned", note)
  }
})

const reasonOf = ({ reason }: RenewError): EventReason => {
  if (!(reason instanceof IssuanceError)) return "CertificateNotRenewed"
  return reason.reason === "Denied" ? "CertificateDenied" : "CertificateFailed"
}

/** Tells a failure: at once if the cluster has decided, otherwise when it keeps failing. */
export const tellFailure = Effect.fnUntraced(function* (
  volume: Volume,
  failure: RenewError,
  failures: number,
  pause: Duration.Duration
) {
  if (failure.temper === "waiting") return
  const decided = failure.reason instanceof IssuanceError
  if (!decided && failures < persistent) return
  const { issued } = yield* Ref.get(volume.record)
  const present = Option.match(issued, {
    onNone: () => "the volume has no certificate yet",
    onSome: ({ notAfter }) => `the current certificate expires at ${DateTime.formatIso(notAfter)}`
  })
  const note = `${failure.message}; ${adviceFor(failure.reason)}; ${present}; next try in ${spokenDuration(pause)}`
  yield* tell(volume, "Warning", reasonOf(failure), note)
})

/**
 * A renewal is late when less than half of the time is left that there was from its due time to the certificate's end.
 */
export const isLate = (held: IssuedRecord, now: DateTime.Utc): boolean =>
  DateTime.distance(now, held.notAfter).pipe(
    Duration.isLessThan(Duration.times(DateTime.distance(held.renewAt, held.notAfter), 0.5))
  )

/** Tells that a volume got its next certificate late. */
export const tellRenewed = Effect.fnUntraced(function* (volume: Volume, before: Option.Option<IssuedRecord>) {
  const now = yield* DateTime.now
  if (Option.isNone(before) || !isLate(before.value, now)) return
  const { notAfter, renewAt } = before.value
  const late = `the certificate was renewed ${spokenDuration(DateTime.distance(renewAt, now))} after it was due`
  const left = DateTime.distance(now, notAfter)
  const [type, note] = Duration.isPositive(left)
    ? (["Normal", `${late}, ${spokenDuration(left)} before it would have expired`] as const)
    : (["Warning", `${late}; the pod had no valid certificate for ${spokenDuration(Duration.abs(left))}`] as const)
  yield* tell(volume, type, "CertificateRenewedLate", `${note}; look at how long the approver and the issuer take`)
})

/** Tells that a certificate expires before certlet renews it, because no volume is renewed more often. */
export const tellTooShort = Effect.fnUntraced(function* (volume: Volume, held: IssuedRecord) {
  if (!isTooShort(held)) return
  const note =
    `the certificate expires at ${DateTime.formatIso(held.notAfter)} and is renewed at ` +
    `${DateTime.formatIso(held.renewAt)}: certlet renews no volume more often than every ` +
    `${spokenDuration(leastInterval(lifetime(held)))}; set a longer duration in the pod's volumeAttributes, or look at the ` +
    "clocks of the node and the issuer"
  yield* tell(volume, "Warning", "CertificateTooShort", note)
  yield* Effect.logWarning(note)
})

/** The volume's files are missing or damaged; a new certificate is requested. */
export const tellDamaged = (volume: Volume) =>
  tell(
    volume,
    "Warning",
    "VolumeDamaged",
    "the volume's files were changed or removed on the node, and a new certificate is requested; look at what cleans up " +
      "below the kubelet's folder"
  )

/** Only the links to the volume's files were damaged, and the files are there again. */
export const tellRestored = (volume: Volume) =>
  tell(
    volume,
    "Warning",
    "VolumeDamaged",
    "the links to the volume's files were changed or removed on the node, and certlet restored them; look at what cleans " +
      "up below the kubelet's folder"
  )

/** The volume's files were missing or damaged, and are there again. */
export const tellHealed = (volume: Volume) =>
  tell(
    volume,
    "Normal",
    "VolumeHealed",
    "the volume's files were missing or damaged, and a new certificate is in place"
  )

/** The volume was mounted again, and the pod's containers cannot see it. */
export const tellMountLost = (volume: Volume) =>
  tell(
    volume,
    "Warning",
    "VolumeMountLost",
    "somebody unmounted the volume on the node, and certlet mounted it again; running containers keep the old files and do " +
      "not see renewals: restart the pod"
  )

/** Tells what looks like a mistake in the attributes of a volume that is served all the same. */
export const tellRemarks = ({ pod, remarks }: Volume["spec"]) =>
  tell(
    { spec: { pod } },
    "Warning",
    "VolumeAttributeIgnored",
    `the volume is served, but its volumeAttributes hold what looks like a mistake: ${faultsSentence(remarks)}`
  )

const told = {
  certificate: { reason: "CertificateNotAsRequested", what: "is in use, although" },
  attribute: { reason: "VolumeAttributeIgnored", what: "is in use;" }
} as const

/** Tells what is to be said of a certificate, once: not again of the next one like it. */
export const tellOfCertificate = Effect.fnUntraced(function* (
  volume: Volume,
  requestName: string,
  remarks: ReadonlyArray<Remark>,
  before: Option.Option<IssuedRecord>
) {
  const known = new Set(Option.getOrUndefined(before)?.remarks)
  const { issuer, pod } = volume.spec
  const request = namespacedName({ namespace: pod.namespace, name: requestName })
  for (const { about, sentence } of remarks.filter(({ sentence }) => !known.has(sentence))) {
    const { reason, what } = told[about]
    const advice = about === "certificate" ? `; look at what ${issuer.kind} ${issuer.name} grants` : ""
    yield* Effect.logWarning(sentence)
    yield* tell(
      volume,
      "Warning",
      reason,
      `the certificate of CertificateRequest ${request} ${what} ${sentence}${advice}`
    )
  }
})

/** The volume's trust bundle cannot be used as it is now: `fault` names the bundle and what is wrong with it. */
export const tellBundleDamaged = (volume: Volume, fault: string) =>
  tell(
    volume,
    "Warning",
    "TrustBundleDamaged",
    `${fault}; the volume keeps the CA certificates that it has, and follows the bundle again once it is corrected`
  )

/** The volume keeps its files and is renewed, but what the kubelet's last call brought is refused. */
export const tellRefused = (volume: Volume, refusal: SpecError) =>
  tell(
    volume,
    "Warning",
    "VolumeRefused",
    "the volume keeps its files and goes on with what it was given before, but the kubelet's last call was refused: " +
      `${refusal.message}; ${adviceFor(refusal)}`
  )

/** The volume has files and certlet leaves them as they are. */
export const tellUntended = (volume: Untended) =>
  tell(
    { spec: volume },
    "Warning",
    volume.why === "Inherited" ? "VolumeInherited" : "VolumeRefused",
    untendedSentence(volume)
  )
