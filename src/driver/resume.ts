/**
 * After a restart, every record is read, compared with what is at its target, and taken up again. The kubelet is
 * served meanwhile: a call waits for the volumes that it concerns, which come first then, and for no other. A volume
 * that has its files sleeps until its next renewal. One whose request was pending picks that request up at once.
 * Damaged files are healed. A volume whose mount is gone waits for its next publish, because nothing may be written
 * where no mount is. One whose pod is gone is forgotten. One that cannot be looked at now is looked at again. What
 * cannot be understood is logged and left alone: damage to one volume stays with that volume.
 */
import { Deferred, Effect, Fiber, Option, Ref } from "effect"
import { asFailure } from "../Defect.ts"
import { Settings } from "../Settings.ts"
import type { SpecError } from "../spec/SpecError.ts"
import { readPod } from "../spec/VolumeContext.ts"
import { decodeVolumeSpec } from "../spec/VolumeSpec.ts"
import { type VolumeCondition, VolumeError, VolumeFS } from "../volume/VolumeFS.ts"
import { type VolumeRecord, VolumeRecords } from "../volume/VolumeRecord.ts"
import { heal, noteDamage, sweep } from "./heal.ts"
import { leaveRefused } from "./leave.ts"
import { Renewals } from "./Renewals.ts"
import { tryLater } from "./tryLater.ts"
import { letGo } from "./unpublish.ts"
import { makeVolume, type Volume, Volumes } from "./Volume.ts"

/** The volumes of the process before this one, while they are taken up. */
interface Resumption {
  /** Takes up the volume with this id and the one at this target, and waits for them. */
  readonly of: (volumeId: string, target: Option.Option<string>) => Effect.Effect<void>
  /** Waits for all. */
  readonly all: Effect.Effect<void>
}

/** Takes up the volumes of the process before this one, in the background, as long as the scope is open. */
export const resume = Effect.fn("driver.resume")(function* () {
  const records = yield* VolumeRecords
  const found = yield* Effect.forEach(yield* records.all, startable)
  const waiting = new Set(found)
  const takeTurn = (one: Startable) => Effect.tap(one.takenUp, () => Effect.sync(() => waiting.delete(one)))
  const inTurn = Effect.forEach(found, takeTurn, { concurrency: 4, discard: true })
  const told = found.length > 0 ? Effect.logInfo(`resumed ${found.length} volumes`) : Effect.void
  const whole = yield* Effect.forkScoped(Effect.andThen(inTurn, told))
  const resumption: Resumption = {
    of: (volumeId, target) =>
      Effect.forEach(
        [...waiting].filter(({ record }) => record.volumeId === volumeId || Option.contains(target, record.target)),
        ({ takenUp }) => takenUp,
        { discard: true }
      ),
    all: Effect.asVoid(Fiber.await(whole))
  }
  return resumption
})

interface Startable {
  readonly record: VolumeRecord
  readonly takenUp: Effect.Effect<void>
}

/** A record and what takes it up: once, whoever asks first, and also if nobody waits for it any more. */
const startable = Effect.fnUntraced(function* (record: VolumeRecord) {
  const scope = yield* Effect.scope
  const services = yield* Effect.context<Needs>()
  const started = yield* Effect.cached(Effect.forkIn(Effect.provideContext(takeUp(record), services), scope))
  return { record, takenUp: Effect.flatMap(started, (fiber) => Effect.asVoid(Fiber.await(fiber))) }
})

type Needs = Effect.Services<ReturnType<typeof takeUp>>

const takeUp = Effect.fnUntraced(
  function* (record: VolumeRecord) {
    const volumes = yield* Volumes
    const spec = yield* decodeVolumeSpec(record.context, yield* Settings).pipe(
      Effect.tapError((refusal) => leaveFilled(record, refusal))
    )
    const volume = yield* makeVolume(spec, record)
    yield* volumes.set(volume)
    yield* Effect.tapError(asFailure("a defect ended a resumption")(revive(volume, record)), () =>
      Effect.forkScoped(tryLater(volume.id, reviveIfLeft(volume, record)))
    )
  },
  (program, record) =>
    program.pipe(
      asFailure("a defect ended a resumption"),
      Effect.catch((error) => Effect.logWarning(`not resumed; the next publish restores it: ${error.message}`)),
      Effect.annotateLogs({ volumeId: record.volumeId })
    )
)

/** A volume whose attributes this certlet refuses keeps the files that it has. */
const leaveFilled = Effect.fnUntraced(function* (record: VolumeRecord, refusal: SpecError) {
  const fs = yield* VolumeFS
  if ((yield* fs.inspect(record.target)) !== "filled") return
  yield* leaveRefused(record, yield* readPod(record.context), refusal, record.issued)
})

const revive = Effect.fnUntraced(function* (volume: Volume, record: VolumeRecord) {
  const fs = yield* VolumeFS
  const renewals = yield* Renewals
  const found = yield* fs.inspect(volume.place.target)
  yield* Deferred.succeed(volume.mounted, undefined)
  switch (found) {
    case "gone":
      // Another driver unpublished the volume while certlet was away: no unpublish will come here.
      yield* Effect.logInfo("the pod went while certlet was away, so its volume is forgotten")
      return yield* letGo(volume.id)
    case "filled":
    case "damaged":
    case "empty":
      yield* sweep(volume)
      if (yield* isWell(volume, record, found)) return yield* renewals.keep(volume)
      if (found === "damaged") yield* noteDamage(volume)
      return yield* Effect.asVoid(renewals.fill(volume))
    case "foreign":
      return yield* new VolumeError({
        reason: "Foreign",
        action: "resume",
        path: volume.place.target,
        detail: "what is mounted there is not certlet's"
      })
    default:
      yield* Effect.logInfo(`the volume's target is ${found}; the next publish restores it`)
  }
})

/** Where the kubelet publishes only once, nobody else looks; a publish or an unpublish may have come first. */
const reviveIfLeft = Effect.fnUntraced(function* (volume: Volume, record: VolumeRecord) {
  const volumes = yield* Volumes
  const isThere = Option.exists(yield* volumes.get(volume.id), (known) => known === volume)
  if (!isThere || Option.isSome(yield* Ref.get(volume.attempt))) return
  yield* revive(volume, record)
  yield* Effect.logInfo("the volume could be looked at, and is resumed")
})

/** True if the volume has its files, once they are healed, and no request is pending: somebody wanted that one now. */
const isWell = Effect.fnUntraced(function* (volume: Volume, record: VolumeRecord, found: VolumeCondition) {
  if (Option.isNone(record.issued) || Option.isSome(record.pending)) return false
  return found === "filled" || (found === "damaged" && (yield* heal(volume)))
})
