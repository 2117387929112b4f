import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Scope } from "effect"
import { laws, RecordScene } from "../../src/testing/contract/volumeRecords.ts"
import { DiskStep } from "../../src/testing/parts/DiskStep.ts"
import { makeSimRecords } from "../../src/testing/parts/SimVolumeRecords.ts"
import * as NodeVolumeRecords from "../../src/volume/NodeVolumeRecords.ts"
import { encodeRecord, VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { diskFolder, memoryFolder, settings } from "../volume/NodeScene.ts"

/** The simulated records, and a scene that starts them again over the same disk. */
const simulated = Layer.effectContext(
  Effect.gen(function* () {
    const { levers: disk, start } = makeSimRecords()
    const records = yield* start
    const scene = RecordScene.of({
      damage: disk.damage,
      text: (volumeId) => Effect.map(disk.texts, (texts) => texts.get(volumeId) ?? ""),
      cutShort: (record) =>
        records.save(record).pipe(Effect.provideService(DiskStep, Effect.interrupt), Effect.exit, Effect.asVoid),
      leftUnfinished: (volumeId) => Effect.map(disk.unfinished, (volumeIds) => volumeIds.includes(volumeId)),
      wipe: disk.wipe,
      moveToDisk: disk.moveToDisk,
      restart: start
    })
    return Context.make(VolumeRecords, records).pipe(Context.add(RecordScene, scene))
  })
).pipe(Layer.provideMerge(Logger.layer([])))

describe("the simulated VolumeRecords", () => {
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, simulated))
})

/** The live records in a folder of their own, and a scene that knows how their files are called. */
const onNode = Layer.effectContext(
  Effect.gen(function* () {
    const dataRoot = `${yield* memoryFolder}/data`
    const disk = yield* diskFolder
    const start = Effect.map(
      Layer.build(Layer.fresh(NodeVolumeRecords.layer).pipe(Layer.provide(settings({ dataRoot })))),
      (context) => Context.get(context, VolumeRecords)
    )
    const scope = yield* Effect.scope
    const folder = `${dataRoot}/volumes`
    const name = (volumeId: string) => `${createHash("sha256").update(volumeId).digest("hex")}.json`
    const file = (volumeId: string) => `${folder}/${name(volumeId)}`
    const unfinished = (volumeId: string) => `${folder}/.${name(volumeId)}.tmp`
    const scene = RecordScene.of({
      damage: (volumeId, text) => Effect.sync(() => fs.writeFileSync(file(volumeId), text)),
      text: (volumeId) => Effect.sync(() => fs.readFileSync(file(volumeId), "utf8")),
      cutShort: (record) =>
        Effect.map(Effect.orDie(encodeRecord(record)), (text) =>
          fs.writeFileSync(unfinished(record.volumeId), text.slice(0, 100))
        ),
      leftUnfinished: (volumeId) => Effect.sync(() => fs.existsSync(unfinished(volumeId))),
      wipe: Effect.sync(() => fs.rmSync(dataRoot, { recursive: true })),
      moveToDisk: Effect.sync(() => {
        fs.rmSync(dataRoot, { recursive: true })
        fs.symlinkSync(disk, dataRoot)
      }),
      restart: Effect.provideService(start, Scope.Scope, scope)
    })
    return Context.make(VolumeRecords, yield* start).pipe(Context.add(RecordScene, scene))
  })
).pipe(Layer.provideMerge(Logger.layer([])))

describe("the live VolumeRecords", () => {
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, onNode))
})
