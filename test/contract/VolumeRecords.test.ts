import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Scope } from "effect"
import { laws, RecordScene } from "../../src/testing/contract/volumeRecords.ts"
import * as SimVolumeRecords from "../../src/testing/parts/SimVolumeRecords.ts"
import * as NodeVolumeRecords from "../../src/volume/NodeVolumeRecords.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { diskFolder, memoryFolder, settings } from "../volume/NodeScene.ts"

const simScene = Layer.effect(
  RecordScene,
  Effect.gen(function* () {
    const disk = yield* SimVolumeRecords.SimRecordDisk
    const records = yield* VolumeRecords
    return RecordScene.of({
      damage: disk.damage,
      text: (volumeId) => Effect.map(disk.texts, (texts) => texts.get(volumeId) ?? ""),
      wipe: disk.wipe,
      moveToDisk: disk.moveToDisk,
      restart: Effect.succeed(records)
    })
  })
)

describe("the simulated VolumeRecords", () => {
  const node = Layer.provideMerge(simScene, SimVolumeRecords.layer).pipe(Layer.provideMerge(Logger.layer([])))
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, node))
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
    const file = (volumeId: string) => `${dataRoot}/volumes/${createHash("sha256").update(volumeId).digest("hex")}.json`
    const scene = RecordScene.of({
      damage: (volumeId, text) => Effect.sync(() => fs.writeFileSync(file(volumeId), text)),
      text: (volumeId) => Effect.sync(() => fs.readFileSync(file(volumeId), "utf8")),
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
