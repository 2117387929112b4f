/**
 * A volume gets its certificate, its first or its next. It keeps its old files until the new ones are complete. What
 * has been decided survives a crash at any line, because it is remembered before it is acted on. When the files are in
 * place the record says so and the attempt ends; only then are the volume's earlier requests deleted. A request that
 * has ended is forgotten, so that the next attempt makes a new one with a new key.
 */
import { DateTime, Duration, Effect, Option, Random, Record, Ref } from "effect"
import { asFailure } from "../Defect.ts"
import { CertificateRequests, RequestError } from "../issuance/CertificateRequests.ts"
import { IssuanceError } from "../issuance/IssuanceError.ts"
import { type Issued, issue, type PendingRequest } from "../issuance/issue.ts"
import { KeyError } from "../issuance/KeyGenerator.ts"
import { renewalTime } from "../issuance/RenewalTime.ts"
import { wipe } from "../issuance/wipe.ts"
import { Settings } from "../Settings.ts"
import { decodeVolumeSpec } from "../spec/VolumeSpec.ts"
import type { Temper } from "../Temper.ts"
import { type PendingRecord, withoutPending } from "../volume/VolumeRecord.ts"
import { awaitTrust, caHeld } from "./awaitTrust.ts"
import { RenewError } from "./DriverError.ts"
import { keyHeld } from "./held.ts"
import { countLacks, countRenewal, countRequested, countUnissued, observeStep } from "./Metrics.ts"
import { needPasswords } from "./needPasswords.ts"
import { awaitFollowed, awaitGates, awaitToken, missingPrerequisite } from "./prerequisites.ts"
import { remarksOf } from "./remarksOf.ts"
import { swap } from "./swap.ts"
import { remindOfMissing, remindOfRequest, tellHealed, tellOfCertificate, tellRenewed, tellTooShort } from "./tell.ts"
import { changeRecord, podOf, type Volume } from "./Volume.ts"

/** Gives the volume its next certificate; waits as long as the request is neither signed nor refused. */
export const renew = Effect.fn("driver.renew")(
  function* (volume: Volume) {
    yield* Effect.annotateCurrentSpan({ volumeId: volume.id, pod: podOf(volume) })
    const prepared = yield* prepare(volume)
    yield* deleteAbandoned(volume, prepared)
    const issued = yield* Effect.raceFirst(issue(prepared), remindOfRequest(volume))
    const [write] = yield* Effect.timed(swap(volume, issued))
    yield* conclude(volume, issued, prepared.followed, write)
  },
  (program, volume) =>
    program.pipe(
      // A volume's fiber must outlive a defect, and whoever waits for it must hear of it.
      asFailure("a defect ended a renewal"),
      Effect.tapError((reason) => countFailure(volume, reason.temper)),
      Effect.tapError((reason) => Effect.when(forget(volume), Effect.succeed(endsRequest(reason)))),
      Effect.mapError((reason) => new RenewError({ volumeId: volume.id, pod: podOf(volume), reason })),
      Effect.annotateLogs({ volumeId: volume.id, pod: podOf(volume) })
    )
)

/** Waits for what a certificate of this volume needs, and reminds the pod's owner of what is missing meanwhile. */
const prepare = Effect.fnUntraced(function* (volume: Volume) {
  if (!(yield* mayWait(volume))) return yield* prepareNow(volume)
  return yield* Effect.raceFirst(prepareNow(volume), remindOfMissing(volume, missingPrerequisite(volume)))
})

/** True if there may be something to wait for before a certificate is requested. */
const mayWait = Effect.fnUntraced(function* ({ spec }: Volume) {
  const { useTokenRequest } = yield* Settings
  return useTokenRequest || spec.gates.length > 0 || spec.follows.length > 0 || Option.isSome(spec.trustBundle)
})

const prepareNow = Effect.fnUntraced(function* (volume: Volume) {
  const { requireAllNames } = yield* Settings
  yield* needPasswords(volume)
  yield* awaitGates(volume)
  yield* awaitTrust(volume)
  const pending = yield* pendingOf(volume)
  const followed = yield* followedBy(volume, pending)
  return {
    volumeId: volume.id,
    spec: yield* specWith(volume, followed),
    token: yield* awaitToken(volume),
    pending,
    requireAllNames,
    caHeld: yield* caKept(volume),
    // The last that is read: what comes after it overwrites it.
    reuse: yield* keyToReuse(volume, pending),
    remember: remember(volume, followed),
    followed
  }
})

/** What the names follow: as it is now, or as it was when a request that is still open was made. */
const followedBy = Effect.fnUntraced(function* (volume: Volume, pending: Option.Option<PendingRecord>) {
  const asked = Option.flatMap(pending, ({ followed }) => Option.fromUndefinedOr(followed))
  return Option.isSome(asked) ? asked.value : yield* awaitFollowed(volume)
})

/** The spec with all its names. */
const specWith = Effect.fnUntraced(function* (volume: Volume, followed: Readonly<Record<string, string>>) {
  if (volume.spec.follows.length === 0) return volume.spec
  const { context } = yield* Ref.get(volume.record)
  return yield* decodeVolumeSpec(context, yield* Settings, Option.some(followed))
})

const pendingOf = (volume: Volume): Effect.Effect<Option.Option<PendingRecord>> =>
  Effect.map(Ref.get(volume.record), ({ pending }) => pending)

/** The CA of a volume that has its files: a damaged one of the issuer's does not replace it. */
const caKept = Effect.fnUntraced(function* (volume: Volume) {
  const { issued } = yield* Ref.get(volume.record)
  return Option.isNone(issued) ? Option.none<string>() : yield* caHeld(volume)
})

/** A request that is still open has its own key. */
const keyToReuse = (volume: Volume, pending: Option.Option<PendingRecord>) =>
  volume.spec.reusePrivateKey && Option.isNone(pending) ? keyHeld(volume) : Effect.succeedNone

const remember = (volume: Volume, followed: Readonly<Record<string, string>>) => (pending: PendingRequest) =>
  Effect.andThen(
    changeRecord(volume, (record) => ({ ...record, pending: Option.some({ ...pending, followed }) })).pipe(
      Effect.onError(() => wipe([pending.privateKey]))
    ),
    Effect.flatMap(Settings, ({ nodeId }) => countRequested(nodeId))
  )

/** An attempt is a first issue if the volume holds no certificate, and otherwise a renewal. */
const kindOf = (volume: Volume) =>
  Effect.map(Ref.get(volume.record), ({ issued }) => (Option.isNone(issued) ? "issue" : "renew"))

const countFailure = Effect.fnUntraced(function* (volume: Volume, temper: Temper) {
  yield* countRenewal(yield* kindOf(volume), temper)
  yield* countUnissued((yield* Settings).nodeId)
})

/** If this fails, the record keeps the ended request, and the next attempt finds its end again. */
const forget = (volume: Volume) =>
  changeRecord(volume, withoutPending).pipe(
    Effect.catchTag("RecordError", (error) => Effect.logWarning(`an ended request stays recorded: ${error.message}`))
  )

/** Records what the volume now holds and when the next certificate is due, and tells it. */
const conclude = Effect.fnUntraced(function* (
  volume: Volume,
  { leaf, requestName, took }: Issued,
  followed: Readonly<Record<string, string>>,
  write: Duration.Duration
) {
  const now = yield* DateTime.now
  const renewAt = renewalTime(leaf, volume.spec.renewBefore, yield* Random.next, now)
  const { notAfter, notBefore, serialNumber } = leaf
  const remarks = remarksOf(leaf, volume.spec, now)
  const told = remarks.length === 0 ? {} : { remarks: remarks.map(({ sentence }) => sentence) }
  const issued = { requestName, serialNumber, notBefore, notAfter, renewAt, followed, ...told }
  const before = (yield* Ref.get(volume.record)).issued
  yield* countRenewal(yield* kindOf(volume))
  yield* changeRecord(volume, (record) => ({ ...withoutPending(record), issued: Option.some(issued) }))
  yield* Effect.forEach(Record.toEntries({ ...took, write }), ([step, took]) => observeStep(step, took))
  yield* countLacks(leaf.lacks)
  yield* tellRenewed(volume, before)
  yield* tellOfCertificate(volume, requestName, remarks, before)
  yield* tellTooShort(volume, issued)
  if (yield* Ref.getAndSet(volume.damaged, false)) yield* tellHealed(volume)
  yield* Effect.logInfo("certificate in place").pipe(
    Effect.annotateLogs({
      request: requestName,
      serialNumber,
      notAfter: DateTime.formatIso(notAfter),
      renewAt: DateTime.formatIso(renewAt),
      millis: Record.map({ ...took, write }, (time) => Math.round(Duration.toMillis(time) * 10) / 10)
    })
  )
})

/** Deletes what earlier attempts left, unless one of it is still open and is picked up. */
const deleteAbandoned = (volume: Volume, { pending }: { readonly pending: Option.Option<PendingRecord> }) =>
  Option.isNone(pending) ? deleteOthers(volume) : Effect.void

/**
 * Deletes the volume's requests but the one whose certificate it holds: predecessors, and those that failed. One that
 * is left over harms nobody and goes with its pod, so this fails nobody, and nobody waits for it.
 */
export const deleteOthers = Effect.fnUntraced(
  function* (volume: Volume) {
    const requests = yield* CertificateRequests
    const { issued } = yield* Ref.get(volume.record)
    const isDoomed = (name: string) => !Option.exists(issued, ({ requestName }) => requestName === name)
    yield* requests.discard({ volumeId: volume.id, namespace: volume.spec.pod.namespace, isDoomed })
  },
  asFailure("a defect kept earlier requests from being deleted"),
  Effect.catch((error) => Effect.logWarning(`an earlier request was not deleted: ${error.message}`))
)

/** True if the pending request can never bring a certificate. */
const endsRequest = (reason: RenewError["reason"]): boolean =>
  (reason instanceof IssuanceError && reason.reason !== "NotReady" && reason.reason !== "Pending") ||
  (reason instanceof RequestError && ["Gone", "Conflict", "Invalid"].includes(reason.reason)) ||
  (reason instanceof KeyError && reason.reason === "Corrupt")
