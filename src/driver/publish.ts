/**
 * A pod gets its volume. The spec is read, the volume is claimed (mounted and recorded) and filled, and the call
 * answers when the files are there. What is already well is left alone, so that the kubelet may call every minute. A
 * call that times out says what it waited for and leaves the issuance running; the next one joins it. When a
 * certificate is refused, a volume that never had one is taken away again; where something of it stays, the kubelet is
 * told to call again.
 */
import { DateTime, Deferred, Duration, Effect, Option, Ref, Result, SubscriptionRef } from "effect"
import { asFailure } from "../Defect.ts"
import { Settings } from "../Settings.ts"
import type { Pod } from "../spec/Pod.ts"
import { requireSound } from "../spec/requireSound.ts"
import { faultsSentence } from "../spec/SpecError.ts"
import { podIn, readPod } from "../spec/VolumeContext.ts"
import type { Passwords } from "../spec/VolumeSecrets.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import { otherPodFault, outsideFault } from "../volume/PlaceRules.ts"
import { type VolumeCondition, VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import { type VolumeRecord, VolumeRecords } from "../volume/VolumeRecord.ts"
import { awaitAttempt } from "./awaitAttempt.ts"
import type { PublishCall } from "./DriverCalls.ts"
import type { PublishError } from "./DriverError.ts"
import { failPublish } from "./failPublish.ts"
import { noteDamage } from "./heal.ts"
import { leaveInherited, leaveRefused, noteRefusal } from "./leave.ts"
import { look } from "./look.ts"
import { observeStep, timeCall } from "./Metrics.ts"
import { takePasswords } from "./needPasswords.ts"
import { Refusals } from "./Refusals.ts"
import { RefusedPublishes } from "./RefusedPublishes.ts"
import { Renewals } from "./Renewals.ts"
import { knownWith, readSpec, recordOf } from "./readSpec.ts"
import { requireUsable, secretsOfCall } from "./secretsOfCall.ts"
import { swapAgain } from "./swap.ts"
import { tellMountLost, tellRemarks } from "./tell.ts"
import { letGo, takeAway } from "./unpublish.ts"
import { type Attempt, makeVolume, type Secrets, taken, type Volume, Volumes } from "./Volume.ts"

/** How long before the kubelet's own timeout the call answers. */
const margin = Duration.seconds(2)

/** Keeps in mind, for operators, what was refused, and logs it once; forgets it when the volume is published. */
const remember =
  (call: PublishCall) =>
  <R>(program: Effect.Effect<void, PublishError, R>) =>
    Effect.flatMap(RefusedPublishes, ({ forget, note }) =>
      program.pipe(
        Effect.tap(() => forget(call.volumeId)),
        Effect.tapError((error) => {
          const isNews = error.temper === "refused" ? note(call, error) : Effect.succeed(false)
          return Effect.when(Effect.logWarning(`the publish is refused: ${error.message}`), isNews)
        })
      )
    )

/** Publishes a volume: when it succeeds, the files are there, unless continue-on-not-ready is set. */
export const publish = Effect.fn("driver.publish")(
  function* (call: PublishCall) {
    yield* Effect.annotateCurrentSpan({ volumeId: call.volumeId, pod: podIn(call.context) })
    const volumes = yield* Volumes
    const claimed = yield* volumes.locked(call.volumeId)(Effect.uninterruptible(claim(call)))
    if (Option.isNone(claimed)) return
    const undone = volumes.locked(call.volumeId)(Effect.uninterruptible(undo(claimed.value)))
    yield* awaitFiles(claimed.value, call.deadline).pipe(Effect.tapErrorTag("RenewError", () => undone))
    yield* Ref.set(claimed.value.volume.published, true)
  },
  (program, call) =>
    program.pipe(
      asFailure("a defect ended a publish"),
      Effect.catch((error) => failPublish(call, error._tag === "RenewError" ? error.reason : error)),
      remember(call),
      timeCall("publish"),
      Effect.annotateLogs({ volumeId: call.volumeId, pod: podIn(call.context) })
    )
)

/** A volume that is mounted and recorded, and the attempt that fills it; none if its files are there. */
interface Claim {
  readonly volume: Volume
  readonly attempt: Option.Option<Attempt>
}

/** Claims the volume of a call; none if the pod has files at its target that certlet leaves as they are. */
const claim = Effect.fnUntraced(function* (call: PublishCall) {
  const fs = yield* VolumeFS
  const known = yield* knownWith(recordOf(call))
  const spec = yield* Effect.result(readSpec(call, known))
  const pod = yield* readPod(call.context).pipe(
    // What is wrong besides is told with it.
    Effect.mapError((missing) => (Result.isFailure(spec) ? spec.failure : missing))
  )
  yield* requireOwnPlace(call, pod)
  const found = yield* fs.inspect(call.target)
  if (found === "inherited") return yield* Effect.as(leaveInherited(call, pod, spec), Option.none<Claim>())
  return yield* Effect.fromResult(spec).pipe(
    Effect.flatMap((spec) => claimOwn(call, spec, found, known)),
    Effect.catchTag("SpecError", (error) =>
      found === "filled"
        ? Effect.as(leaveRefused(call, pod, error), Option.none<Claim>())
        : Effect.andThen(forgetUntended(call.volumeId), error)
    )
  )
})

/** Claims a volume that is certlet's own or is to be. */
const claimOwn = Effect.fnUntraced(function* (
  call: PublishCall,
  spec: VolumeSpec,
  found: VolumeCondition,
  known: Option.Option<Volume>
) {
  const fs = yield* VolumeFS
  const brought = yield* secretsOfCall(call, spec)
  if (Option.isSome(known)) {
    if (found !== "filled" && found !== "damaged") yield* requireUsable(brought)
    yield* noteRefusal(known.value, brought.refusal)
    return Option.some(yield* claimKnown(known.value, brought.secrets))
  }
  yield* requireUsable(brought)
  yield* requireNotHeldBack(call.volumeId)
  yield* heedRemarks(spec)
  const record = recordOf(call)
  yield* takeAwayOther(record)
  const volume = yield* makeVolume(spec, record, brought.secrets)
  // An empty mount without a record has lost it: its pod may be running, with a container that holds the mount.
  if (found === "empty") yield* Ref.set(volume.published, true)
  // A target that cannot be mounted is refused before a certificate is requested.
  if (found === "foreign") yield* fs.mount(volume.place)
  return Option.some(yield* claimNew(volume, record))
})

/** A volume that was left as it is and has lost its files is no volume any more. */
const forgetUntended = Effect.fnUntraced(function* (volumeId: string) {
  const volumes = yield* Volumes
  if ((yield* volumes.untended).has(volumeId)) yield* volumes.remove(volumeId)
})

/** What looks like a mistake in a new volume is told, or refused where the node is strict. */
const heedRemarks = Effect.fnUntraced(function* (spec: VolumeSpec) {
  if (spec.remarks.length === 0) return
  const { strictAttributes } = yield* Settings
  if (strictAttributes) yield* requireSound(spec.remarks)
  yield* Effect.logWarning(`served in spite of what looks like a mistake: ${faultsSentence(spec.remarks)}`)
  yield* tellRemarks(spec)
})

/** While certlet pauses after a refusal that will repeat, nothing is mounted and nothing requested. */
const requireNotHeldBack = Effect.fnUntraced(function* (volumeId: string) {
  const refusals = yield* Refusals
  yield* Effect.flatMap(
    refusals.holding(volumeId),
    Option.match({ onNone: () => Effect.void, onSome: (error) => Effect.fail(error) })
  )
})

/** The target must be this kubelet's and this pod's, and no other volume's. */
const requireOwnPlace = Effect.fnUntraced(function* ({ target, volumeId }: PublishCall, pod: Pod) {
  const volumes = yield* Volumes
  const { kubeletRootDir } = yield* Settings
  const detail = outsideFault(target, kubeletRootDir) ?? otherPodFault(target, pod.uid)
  if (detail !== undefined) return yield* new VolumeError({ reason: "Hostile", action: "mount", path: target, detail })
  const holder = Option.getOrElse(yield* volumes.at(target), () => volumeId)
  if (holder !== volumeId) return yield* taken("mount", target, holder)
})

/** A volume with other attributes is another volume: the old one goes first. */
const takeAwayOther = Effect.fnUntraced(function* ({ volumeId }: VolumeRecord) {
  const volumes = yield* Volumes
  const known = yield* volumes.get(volumeId)
  if (Option.isNone(known)) return
  yield* Effect.logInfo("the volume's attributes have changed, so it is replaced")
  yield* Effect.flatMap(Refusals, (refusals) => refusals.forget(volumeId))
  yield* takeAway(volumeId, known.value.place.target)
})

/** Mounts the volume while its certificate is being requested; a volume that cannot be mounted leaves nothing. */
const claimNew = Effect.fnUntraced(function* (volume: Volume, record: VolumeRecord) {
  const records = yield* VolumeRecords
  const renewals = yield* Renewals
  const volumes = yield* Volumes
  yield* volumes.set(volume)
  yield* records.save(record).pipe(Effect.onError(() => volumes.remove(volume.id)))
  const attempt = yield* renewals.fill(volume)
  // A mount that failed left nothing there, and what was there before is not this call's to unmount.
  yield* mount(volume).pipe(Effect.onError(() => Effect.ignore(letGo(volume.id))))
  return { volume, attempt: Option.some(attempt) }
})

/** Takes what the call brings, and repairs what is missing. */
const claimKnown = Effect.fnUntraced(function* (volume: Volume, { passwords, token }: Secrets) {
  yield* Ref.set(volume.calledAt, yield* DateTime.now)
  if (Option.isSome(token)) yield* SubscriptionRef.set(volume.token, token)
  const mountLost = yield* remount(volume)
  if (Option.isSome(passwords)) yield* renewKeystores(volume, passwords.value)
  return { volume, attempt: yield* fillIfNeeded(volume, mountLost) }
})

const mount = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  const [took, mounted] = yield* Effect.timed(fs.mount(volume.place))
  if (mounted) yield* observeStep("mount", took)
  yield* Deferred.succeed(volume.mounted, undefined)
  return mounted
})

/** True if a mount that had files was gone. */
const remount = Effect.fnUntraced(function* (volume: Volume) {
  const { issued } = yield* Ref.get(volume.record)
  const lost = (yield* mount(volume)) && Option.isSome(issued)
  if (!lost) return false
  yield* Effect.logWarning("the volume's mount was gone and is mounted again; a running container does not see it")
  yield* Ref.set(volume.remounted, Option.some(yield* DateTime.now))
  yield* tellMountLost(volume)
  return true
})

/** Gives the keystores a password that has changed. If that fails, the next publish tries again. */
const renewKeystores = Effect.fnUntraced(function* (volume: Volume, passwords: Passwords) {
  const before = yield* Ref.get(volume.passwords)
  if (!(yield* takePasswords(volume, passwords))) return
  yield* swapAgain(volume).pipe(
    Effect.onError(() => Ref.set(volume.passwords, before)),
    Effect.catch((error) => Effect.logWarning(`the keystores keep their old password: ${error.message}`))
  )
})

/** Leaves a healthy volume alone; otherwise returns the attempt that fills it. */
const fillIfNeeded = Effect.fnUntraced(function* (volume: Volume, mountLost: boolean) {
  const { isWell, unexpired } = yield* look(volume)
  if (isWell) return yield* Effect.as(leaveAlone(volume), Option.none())
  if (unexpired && !mountLost) yield* noteDamage(volume)
  return Option.some(yield* Effect.flatMap(Renewals, ({ fill }) => fill(volume)))
})

/** A volume that has its files is kept: one that could not be looked at when certlet started is so from now on. */
const leaveAlone = Effect.fnUntraced(function* (volume: Volume) {
  yield* Effect.logTrace("the volume has its files: nothing is to be done")
  yield* Effect.flatMap(Renewals, ({ keep }) => keep(volume))
})

/** Waits for the files as long as this call may. A pod that was given files before has them whatever comes of it. */
const awaitFiles = Effect.fnUntraced(function* ({ attempt, volume }: Claim, deadline: Option.Option<DateTime.Utc>) {
  if (Option.isNone(attempt) || volume.spec.continueOnNotReady) return
  yield* awaitAttempt(volume, attempt.value, yield* patienceUntil(deadline)).pipe(
    Effect.catchIf(
      ({ _tag }) => _tag !== "Unpublished",
      (error) => Effect.flatMap(servesFiles(volume), (serves) => (serves ? Effect.void : Effect.fail(error)))
    )
  )
})

/** True if a pod that was told OK before still finds its files. */
const servesFiles = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  if (!(yield* Ref.get(volume.published))) return false
  return (yield* Effect.orElseSucceed(fs.inspect(volume.place.target), () => "gone")) === "filled"
})

/** How long this call may wait: the publish timeout, or less if the kubelet's own timeout is nearer. */
const patienceUntil = Effect.fnUntraced(function* (deadline: Option.Option<DateTime.Utc>) {
  const { publishTimeout } = yield* Settings
  const now = yield* DateTime.now
  const allowed = Option.match(deadline, {
    onNone: () => publishTimeout,
    onSome: (deadline) => Duration.subtract(DateTime.distance(now, deadline), margin)
  })
  return Duration.max(Duration.zero, Duration.min(publishTimeout, allowed))
})

/** Takes away a volume that this attempt failed to fill. */
const undo = Effect.fnUntraced(function* (claim: Claim) {
  const { volume } = claim
  if (!(yield* isUnfilled(claim))) return
  yield* takeAway(volume.id, volume.place.target).pipe(
    Effect.catch((error) => Effect.logWarning(`the volume stays until the kubelet's next call: ${error.message}`))
  )
})

/** True if the volume never had files, its pod cannot be running, and no other attempt has begun since. */
const isUnfilled = Effect.fnUntraced(function* ({ attempt, volume }: Claim) {
  const volumes = yield* Volumes
  const fs = yield* VolumeFS
  const present = yield* volumes.get(volume.id)
  const { issued } = yield* Ref.get(volume.record)
  if (!Option.contains(present, volume) || Option.isSome(issued) || (yield* Ref.get(volume.published))) return false
  if (Option.getOrUndefined(yield* Ref.get(volume.attempt)) !== Option.getOrUndefined(attempt)) return false
  // A volume whose record was lost has a running pod's files: its containers see them while they stay where they are.
  const found = yield* Effect.orElseSucceed(fs.inspect(volume.place.target), () => "filled" as const)
  return found !== "filled" && found !== "damaged"
})
