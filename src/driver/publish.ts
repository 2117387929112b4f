/**
 * A pod gets its volume. The spec is read, the volume is claimed (mounted and recorded), filled, and the call answers when
 * the files are there. What is already well is left alone, so that the kubelet may call every minute. A call that cannot
 * wait any longer says what it waited for and leaves the issuance running; the next one joins it. A refusal takes a volume
 * that never held a certificate away again, whole.
 */
import { DateTime, Deferred, Duration, Effect, Option, Ref, SubscriptionRef } from "effect"
import { Settings } from "../Settings.ts"
import { SpecError } from "../spec/SpecError.ts"
import { podIn, strayKeys } from "../spec/VolumeContext.ts"
import { type Passwords, passwordsOf, serviceAccountToken, withoutSecrets } from "../spec/VolumeSecrets.ts"
import { decodeVolumeSpec, type VolumeSpec } from "../spec/VolumeSpec.ts"
import { otherPodFault, outsideFault } from "../volume/PlaceRules.ts"
import { VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import { type VolumeRecord, VolumeRecords } from "../volume/VolumeRecord.ts"
import { awaitAttempt } from "./awaitAttempt.ts"
import type { PublishCall } from "./DriverCalls.ts"
import { PublishError } from "./DriverError.ts"
import { heal, noteDamage, sweep } from "./heal.ts"
import { observeStep, timeCall } from "./Metrics.ts"
import { takePasswords } from "./needPasswords.ts"
import { Renewals } from "./Renewals.ts"
import { swapAgain } from "./swap.ts"
import { tellInherited, tellMountLost } from "./tell.ts"
import { letGo, takeAway } from "./unpublish.ts"
import { type Attempt, makeVolume, podOf, sameWish, taken, type Volume, Volumes } from "./Volume.ts"

/** How long before the kubelet's own deadline the answer is given. */
const margin = Duration.seconds(2)

/** Publishes a volume: when it succeeds the files are there, unless the settings say continue-on-not-ready. */
export const publish = Effect.fn("driver.publish")(
  function* (call: PublishCall) {
    yield* Effect.annotateCurrentSpan({ volumeId: call.volumeId, pod: podIn(call.context) })
    const volumes = yield* Volumes
    const spec = yield* readSpec(call)
    const claimed = yield* volumes.locked(call.volumeId)(Effect.uninterruptible(claim(call, spec)))
    if (Option.isNone(claimed)) return
    const [volume, attempt] = claimed.value
    yield* awaitFiles(volume, attempt, call.deadline).pipe(
      Effect.tapErrorTag("RenewError", () => volumes.locked(volume.id)(Effect.uninterruptible(undo(volume, attempt))))
    )
  },
  (program, call) =>
    program.pipe(
      Effect.mapError((error) => {
        const reason = error._tag === "RenewError" ? error.reason : error
        return new PublishError({ volumeId: call.volumeId, pod: podIn(call.context), reason })
      }),
      timeCall("publish"),
      Effect.annotateLogs({ volumeId: call.volumeId, pod: podIn(call.context) })
    )
)

/** What the pod asks for; keys that nobody knows are named once in the log, as a typing error would be. */
const readSpec = Effect.fnUntraced(function* (call: PublishCall) {
  if (!call.readonly) {
    return yield* new SpecError({
      field: "readOnly",
      rule: "the volume must be read-only, as its files are certlet's to write; set readOnly: true in the pod's csi volume"
    })
  }
  const stray = strayKeys(call.context)
  if (stray.length > 0) yield* Effect.logDebug(`attributes that have no meaning: ${stray.join(", ")}`)
  return yield* decodeVolumeSpec(call.context, yield* Settings)
})

/**
 * The volume, mounted and recorded, and the attempt that fills it: of the one that is known, or of a new one. None where another
 * driver's volume stands there with its files: the pod's containers hold that one and would never see another.
 */
const claim = Effect.fnUntraced(function* (call: PublishCall, spec: VolumeSpec) {
  const volumes = yield* Volumes
  const fs = yield* VolumeFS
  yield* checkPlace(call, spec)
  const found = yield* fs.inspect(call.target)
  if (found === "inherited") {
    yield* Effect.logInfo("the volume was mounted by another driver, so it is left as it is until the pod goes")
    // What certlet may have had there before nobody sees any more, so nobody needs another certificate for it.
    yield* letGo(call.volumeId)
    yield* volumes.inherit(call.volumeId)
    yield* tellInherited(spec)
    return Option.none()
  }
  const { useTokenRequest } = yield* Settings
  const token = useTokenRequest ? yield* serviceAccountToken(call.context) : Option.none()
  const passwords = yield* passwordsOf(spec, call.context, call.secrets)
  const record: VolumeRecord = {
    version: 1,
    volumeId: call.volumeId,
    target: call.target,
    context: withoutSecrets(call.context),
    mountFlags: call.mountFlags,
    volumeMountGroup: call.volumeMountGroup
  }
  const known = yield* Effect.flatMap(volumes.get(call.volumeId), keepIfSameWish(record))
  if (Option.isNone(known)) {
    const volume = yield* makeVolume(spec, record, token, Option.some(passwords))
    // A place that cannot be had is refused before anybody is asked for a certificate.
    if (found === "foreign") yield* fs.mount(volume.place)
    return Option.some(yield* claimNew(volume, record))
  }
  if (Option.isSome(token)) yield* SubscriptionRef.set(known.value.token, token)
  const mountLost = yield* remount(known.value)
  yield* renewKeystores(known.value, passwords)
  return Option.some(yield* ensureFilled(known.value, mountLost))
})

/** The target is this kubelet's, of this pod, and no other volume's. */
const checkPlace = Effect.fnUntraced(function* ({ target, volumeId }: PublishCall, spec: VolumeSpec) {
  const volumes = yield* Volumes
  const { kubeletRootDir } = yield* Settings
  const detail = outsideFault(target, kubeletRootDir) ?? otherPodFault(target, spec.pod.uid)
  if (detail !== undefined) return yield* new VolumeError({ reason: "Hostile", action: "mount", path: target, detail })
  const holder = Option.getOrElse(yield* volumes.at(target), () => volumeId)
  if (holder !== volumeId) return yield* taken("mount", target, holder)
})

/** A volume that is asked for otherwise than before is another volume: the old one goes first. */
const keepIfSameWish = (record: VolumeRecord) => (known: Option.Option<Volume>) =>
  Effect.gen(function* () {
    if (Option.isNone(known) || sameWish(yield* Ref.get(known.value.record), record)) return known
    yield* Effect.logInfo("the volume is asked for with other attributes than before, so it is made anew")
    yield* takeAway(known.value.id, known.value.place.target)
    return Option.none()
  })

/** The mount is made while the certificate is being asked for; where it cannot be had, nothing stays of either. */
const claimNew = Effect.fnUntraced(function* (volume: Volume, record: VolumeRecord) {
  const records = yield* VolumeRecords
  const renewals = yield* Renewals
  const volumes = yield* Volumes
  yield* volumes.set(volume)
  yield* records.save(record).pipe(Effect.onError(() => volumes.remove(volume.id)))
  const attempt = yield* renewals.fill(volume)
  // What could not be mounted left nothing there, and what stood there before is not this call's to unmount.
  yield* mount(volume).pipe(Effect.onError(() => Effect.ignore(letGo(volume.id))))
  return [volume, Option.some(attempt)] as const
})

const mount = Effect.fnUntraced(function* (volume: Volume) {
  const fs = yield* VolumeFS
  const [took, made] = yield* Effect.timed(fs.mount(volume.place))
  if (made) yield* observeStep("mount", took)
  yield* Deferred.succeed(volume.mounted, undefined)
  return made
})

/** True where a mount that had held files was gone. */
const remount = Effect.fnUntraced(function* (volume: Volume) {
  const { issued } = yield* Ref.get(volume.record)
  const lost = (yield* mount(volume)) && issued !== undefined
  if (!lost) return false
  yield* Effect.logWarning("the volume's mount was gone and is made anew; a running container does not see the new one")
  yield* tellMountLost(volume)
  return true
})

/** Keystores follow a password that has changed; where they cannot, the next publish tries again. */
const renewKeystores = Effect.fnUntraced(function* (volume: Volume, passwords: Passwords) {
  const before = yield* Ref.get(volume.passwords)
  if (!(yield* takePasswords(volume, passwords))) return
  yield* swapAgain(volume).pipe(
    Effect.tapError(() => Ref.set(volume.passwords, before)),
    Effect.catch((error) => Effect.logWarning(`keystores keep the password they had: ${error.message}`))
  )
})

/** Leaves a volume alone that is well; otherwise there is an attempt to wait for. */
const ensureFilled = Effect.fnUntraced(function* (volume: Volume, mountLost: boolean) {
  const renewals = yield* Renewals
  const fs = yield* VolumeFS
  const unexpired = yield* isUnexpired(volume)
  yield* sweep(volume)
  const found = yield* fs.inspect(volume.place.target)
  if (unexpired && found === "filled") return [volume, Option.none<Attempt>()] as const
  if (unexpired && found === "damaged" && (yield* heal(volume))) return [volume, Option.none<Attempt>()] as const
  if (unexpired && !mountLost) yield* noteDamage(volume)
  return [volume, Option.some(yield* renewals.fill(volume))] as const
})

/** True where the record says that the pod has a certificate that has not run out. */
const isUnexpired = Effect.fnUntraced(function* (volume: Volume) {
  const { issued } = yield* Ref.get(volume.record)
  return issued !== undefined && DateTime.isLessThan(yield* DateTime.now, issued.notAfter)
})

/** Waits for the attempt as long as this call may. */
const awaitFiles = Effect.fnUntraced(function* (
  volume: Volume,
  attempt: Option.Option<Attempt>,
  deadline: Option.Option<DateTime.Utc>
) {
  const settings = yield* Settings
  if (Option.isNone(attempt) || volume.spec.continueOnNotReady) return
  const now = yield* DateTime.now
  const allowed = Option.map(deadline, (deadline) => Duration.subtract(DateTime.distance(now, deadline), margin))
  const patience = Duration.max(
    Duration.zero,
    Duration.min(
      settings.publishTimeout,
      Option.getOrElse(allowed, () => settings.publishTimeout)
    )
  )
  yield* awaitAttempt(volume, attempt.value, patience)
})

/** Takes a volume away that this attempt failed to fill, unless it was filled before or somebody else has begun again. */
const undo = Effect.fnUntraced(function* (volume: Volume, attempt: Option.Option<Attempt>) {
  const volumes = yield* Volumes
  const present = yield* volumes.get(volume.id)
  const { issued } = yield* Ref.get(volume.record)
  const latest = Option.getOrUndefined(yield* Ref.get(volume.attempt))
  if (Option.getOrUndefined(present) !== volume || issued !== undefined) return
  if (latest !== Option.getOrUndefined(attempt)) return
  // A volume whose record was lost holds a running pod's files: the container sees them as long as they stay where they are.
  const fs = yield* VolumeFS
  const condition = yield* Effect.orElseSucceed(fs.inspect(volume.place.target), () => "filled" as const)
  if (condition === "filled" || condition === "damaged") return
  yield* takeAway(volume.id, volume.place.target).pipe(
    Effect.catch((error) => Effect.logWarning(`${podOf(volume.spec)}: left for the unpublish: ${error.message}`))
  )
})
