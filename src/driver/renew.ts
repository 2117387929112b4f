/**
 * A volume gets a fresh certificate, its first or its next. The volume keeps its old files until the new ones are complete;
 * what has been decided survives a crash at any line, because it is remembered before it is acted on. When the files are in
 * place the record says so, and only then are the volume's earlier requests discarded. A request that has come to an end
 * is forgotten, so that the next attempt makes a new one with a new key.
 */
import { DateTime, Duration, Effect, Metric, Option, Random, Record, Ref } from "effect"
import { CertificateRequests, RequestError } from "../issuance/CertificateRequests.ts"
import { IssuanceError } from "../issuance/IssuanceError.ts"
import { type Issued, issue, type PendingRequest } from "../issuance/issue.ts"
import { KeyError } from "../issuance/KeyGenerator.ts"
import { renewalTime } from "../issuance/RenewalTime.ts"
import { Settings } from "../Settings.ts"
import { decodeVolumeSpec } from "../spec/VolumeSpec.ts"
import type { Temper } from "../Temper.ts"
import { privateKeyOf } from "../volume/FileSet.ts"
import { VolumeFS } from "../volume/VolumeFS.ts"
import type { PendingRecord, VolumeRecord } from "../volume/VolumeRecord.ts"
import { awaitTrust } from "./awaitTrust.ts"
import { Defect, RenewError } from "./DriverError.ts"
import { countRenewal, issueErrors, issueRequests, observeStep } from "./Metrics.ts"
import { needPasswords } from "./needPasswords.ts"
import { awaitFollowed, awaitGates, awaitToken, missingPrerequisite } from "./prerequisites.ts"
import { swap } from "./swap.ts"
import { remindOfMissing, remindOfRequest, tellHealed, tellRenewed } from "./tell.ts"
import { changeRecord, podOf, type Volume } from "./Volume.ts"

/** Gives the volume a fresh certificate; waits as long as the request is neither signed nor refused. */
export const renew = Effect.fn("driver.renew")(
  function* (volume: Volume) {
    yield* Effect.annotateCurrentSpan({ volumeId: volume.id, pod: podOf(volume.spec) })
    const order = (yield* isHeldBack(volume))
      ? yield* Effect.raceFirst(prepare(volume), remindOfMissing(volume, missingPrerequisite(volume)))
      : yield* prepare(volume)
    if (Option.isNone(order.pending)) yield* discardOthers(volume)
    const issued = yield* Effect.raceFirst(issue(order), remindOfRequest(volume))
    const [write] = yield* Effect.timed(swap(volume, issued))
    yield* conclude(volume, issued, order.followed, write)
    yield* discardOthers(volume)
  },
  (program, volume) =>
    program.pipe(
      // A volume's fiber must outlive a defect, and whoever waits for it must hear of it.
      Effect.catchDefect((defect) =>
        Effect.andThen(Effect.logError("a defect ended a renewal", defect), Effect.fail(new Defect()))
      ),
      Effect.tapError((reason) => count(volume, reason.temper)),
      Effect.tapError((reason) => Effect.when(forget(volume), Effect.succeed(endsRequest(reason)))),
      Effect.mapError((reason) => new RenewError({ volumeId: volume.id, pod: podOf(volume.spec), reason })),
      Effect.annotateLogs({ volumeId: volume.id, pod: podOf(volume.spec) })
    )
)

/** True where something may have to be waited for before a certificate is asked for. */
const isHeldBack = ({ spec }: Volume) =>
  Effect.map(
    Settings,
    ({ useTokenRequest }) =>
      useTokenRequest || spec.gates.length > 0 || spec.follows.length > 0 || Option.isSome(spec.trustBundle)
  )

/** Waits for everything that a certificate of this volume needs, and makes an order of it. */
const prepare = Effect.fnUntraced(function* (volume: Volume) {
  yield* needPasswords(volume)
  yield* awaitGates(volume)
  yield* awaitTrust(volume)
  const pending = yield* pendingOf(volume)
  const followed = yield* namesOf(volume, pending)
  return {
    volumeId: volume.id,
    spec: yield* specWith(volume, followed),
    token: yield* awaitToken(volume),
    pending,
    reuse: yield* keyToReuse(volume),
    remember: remember(volume, followed),
    followed
  }
})

/** What the names follow: as it is now, or as it was when a request that is still open was made. */
const namesOf = (volume: Volume, pending: Option.Option<PendingRecord>) =>
  Option.match(
    Option.flatMap(pending, (_) => Option.fromUndefinedOr(_.followed)),
    { onNone: () => awaitFollowed(volume), onSome: Effect.succeed }
  )

/** The spec with all its names. */
const specWith = Effect.fnUntraced(function* (volume: Volume, followed: Readonly<Record<string, string>>) {
  if (volume.spec.follows.length === 0) return volume.spec
  const { context } = yield* Ref.get(volume.record)
  return yield* decodeVolumeSpec(context, yield* Settings, Option.some(followed))
})

const pendingOf = (volume: Volume): Effect.Effect<Option.Option<PendingRecord>> =>
  Effect.map(Ref.get(volume.record), (record) => Option.fromUndefinedOr(record.pending))

const keyToReuse = Effect.fnUntraced(function* (volume: Volume) {
  if (!volume.spec.reusePrivateKey) return Option.none()
  const fs = yield* VolumeFS
  return Option.flatMap(yield* fs.read(volume.place.target), (files) => privateKeyOf(volume.spec, files))
})

const remember = (volume: Volume, followed: Readonly<Record<string, string>>) => (pending: PendingRequest) =>
  Effect.andThen(
    changeRecord(volume, (record) => ({ ...record, pending: { ...pending, followed } })),
    Metric.update(issueRequests, 1)
  )

/** Counts an attempt as a first issue where the volume holds nothing yet, and as a renewal otherwise. */
const count = (volume: Volume, failed?: Temper) =>
  Effect.gen(function* () {
    const { issued } = yield* Ref.get(volume.record)
    yield* countRenewal(issued === undefined ? "issue" : "renew", failed)
    if (failed !== undefined) yield* Metric.update(issueErrors, 1)
  })

const withoutPending = ({ pending: _, ...record }: VolumeRecord): VolumeRecord => record

/** What cannot be forgotten on disk is forgotten at the next change: the request's end will show again. */
const forget = (volume: Volume) =>
  changeRecord(volume, withoutPending).pipe(
    Effect.catchTag("RecordError", (error) => Effect.logWarning(`an ended request stays recorded: ${error.message}`))
  )

/** Writes down what the volume now holds and when the next certificate is due. */
const conclude = (
  volume: Volume,
  { leaf, requestName, took }: Issued,
  followed: Readonly<Record<string, string>>,
  write: Duration.Duration
) =>
  Effect.gen(function* () {
    const renewAt = renewalTime(leaf, volume.spec.renewBefore, yield* Random.next, yield* DateTime.now)
    const { notAfter, notBefore, serialNumber } = leaf
    const issued = { requestName, serialNumber, notBefore, notAfter, renewAt, followed }
    const before = (yield* Ref.get(volume.record)).issued
    yield* count(volume)
    yield* changeRecord(volume, (record) => ({ ...withoutPending(record), issued }))
    yield* Effect.forEach(Record.toEntries({ ...took, write }), ([step, took]) => observeStep(step, took))
    yield* tellRenewed(volume, Option.fromUndefinedOr(before))
    if (yield* Ref.getAndSet(volume.damaged, false)) yield* tellHealed(volume)
    yield* Effect.logInfo("certificate in place").pipe(
      Effect.annotateLogs({
        request: requestName,
        serialNumber,
        notAfter: DateTime.formatIso(notAfter),
        renewAt: DateTime.formatIso(renewAt),
        millis: Record.map({ ...took, write }, (_) => Math.round(Duration.toMillis(_) * 10) / 10)
      })
    )
  })

/**
 * Deletes the volume's requests but the one whose certificate it holds: predecessors, and those that came to nothing. One left
 * over harms nobody and goes with its pod, so a failure here is no failure of the renewal.
 */
const discardOthers = (volume: Volume) =>
  Effect.gen(function* () {
    const requests = yield* CertificateRequests
    const { issued } = yield* Ref.get(volume.record)
    const keep = Option.map(Option.fromUndefinedOr(issued), ({ requestName }) => requestName)
    yield* requests.discard({ volumeId: volume.id, namespace: volume.spec.pod.namespace, keep })
  }).pipe(
    Effect.catchTag("RequestError", (error) =>
      Effect.logWarning(`an earlier request was not deleted: ${error.message}`)
    )
  )

/** True where the pending request can never bring a certificate any more. */
const endsRequest = (reason: RenewError["reason"]): boolean =>
  (reason instanceof IssuanceError && reason.reason !== "NotReady" && reason.reason !== "Pending") ||
  (reason instanceof RequestError && ["Gone", "Conflict", "Invalid"].includes(reason.reason)) ||
  (reason instanceof KeyError && reason.reason === "Corrupt")
