/**
 * After a restart: every record is read, compared with what stands at its target, and given its life back. A volume that
 * holds its files sleeps until its next renewal; one whose request was pending picks that request up at once; damaged files
 * are healed, and what a crash left of others goes. A volume whose mount is gone waits for its publish, because nothing may
 * be written where no mount is, and one whose pod is gone is forgotten. What cannot be understood is named in the log and
 * left alone: one volume's damage stays that volume's.
 */
import { Deferred, Effect, Option } from "effect"
import { Settings } from "../Settings.ts"
import { decodeVolumeSpec } from "../spec/VolumeSpec.ts"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { type VolumeRecord, VolumeRecords } from "../volume/VolumeRecord.ts"
import { heal, noteDamage, sweep } from "./heal.ts"
import { Renewals } from "./Renewals.ts"
import { letGo } from "./unpublish.ts"
import { makeVolume, type Volume, Volumes } from "./Volume.ts"

/** Takes up the volumes of the process before this one. */
export const resume = Effect.fn("driver.resume")(function* () {
  const records = yield* VolumeRecords
  const found = yield* records.all
  yield* Effect.forEach(found, (record) => takeUp(record), { concurrency: 16, discard: true })
  if (found.length > 0) yield* Effect.logInfo(`resumed ${found.length} volumes`)
})

const takeUp = (record: VolumeRecord) =>
  Effect.gen(function* () {
    const volumes = yield* Volumes
    const spec = yield* decodeVolumeSpec(record.context, yield* Settings)
    const volume = yield* makeVolume(spec, record, Option.none(), Option.none())
    yield* volumes.set(volume)
    yield* revive(volume, record)
  }).pipe(
    Effect.catch((error) => Effect.logWarning(`not resumed, waits for its next publish: ${error.message}`)),
    Effect.annotateLogs({ volumeId: record.volumeId })
  )

const revive = (volume: Volume, record: VolumeRecord) =>
  Effect.gen(function* () {
    const fs = yield* VolumeFS
    const renewals = yield* Renewals
    const condition = yield* fs.inspect(volume.place.target)
    yield* Deferred.succeed(volume.mounted, undefined)
    if (condition === "gone") {
      // Another driver has ended the volume in certlet's absence: nobody will unpublish it here.
      yield* Effect.logInfo("the kubelet has cleared the pod away meanwhile, so its volume is forgotten")
      return yield* letGo(volume.id)
    }
    if (condition === "absent" || condition === "foreign" || condition === "inherited") {
      return yield* Effect.logInfo(`the volume's target is ${condition}, so it waits for its next publish`)
    }
    yield* sweep(volume)
    // A request that is pending was asked for because somebody wanted it now, whenever the next renewal is due.
    const isSettled = record.issued !== undefined && record.pending === undefined
    if (isSettled && (condition === "filled" || (condition === "damaged" && (yield* heal(volume))))) {
      return yield* renewals.keep(volume)
    }
    if (condition === "damaged") yield* noteDamage(volume)
    yield* renewals.fill(volume)
  })
