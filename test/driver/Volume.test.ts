import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Option, Ref } from "effect"
import { readSpec, recordOf } from "../../src/driver/readSpec.ts"
import { changeRecord, makeVolume } from "../../src/driver/Volume.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { changed, during, onNode, publishCall } from "../kit/SimulatedNode.ts"

const web = publishCall("web")
const slow = changed(VolumeRecords, (records) => ({ save: (record) => Effect.delay(records.save(record), "1 second") }))

describe("changeRecord", () => {
  it.effect("loses no change to another one that begins before it is saved", () =>
    Effect.gen(function* () {
      const volume = yield* makeVolume(yield* readSpec(web, Option.none()), recordOf(web))
      const now = yield* DateTime.now
      const held = { requestName: "one", serialNumber: "01", notBefore: now, notAfter: now, renewAt: now }
      const seal = new Uint8Array([1, 2, 3])
      const changes = [
        changeRecord(volume, (record) => ({ ...record, issued: Option.some(held) })),
        changeRecord(volume, (record) => ({ ...record, sealed: [seal] }))
      ]
      yield* during("5 seconds", Effect.all(changes, { concurrency: 2, discard: true }))
      const { issued, sealed } = yield* Ref.get(volume.record)
      expect([Option.isSome(issued), sealed]).toEqual([true, [seal]])
      const [saved] = yield* Effect.flatMap(VolumeRecords, ({ all }) => all)
      expect([Option.isSome(saved?.issued ?? Option.none()), saved?.sealed]).toEqual([true, [seal]])
    }).pipe(Effect.provide(slow), onNode("two changes"))
  )
})
