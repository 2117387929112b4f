/**
 * The invariant about records: what a record tells is true when it is written, so that a certlet that reads it after a
 * crash may believe it.
 */
import { Result, Schema } from "effect"
import { volumeText } from "../parts/SimPod.ts"
import { type Invariant, safety } from "./Invariants.ts"
import { volumeAt, volumeById } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"

const decodeRecord = Schema.decodeUnknownResult(
  Schema.fromJsonString(Schema.Struct({ issued: Schema.Struct({ serialNumber: Schema.String }) }))
)

/** Hexadecimal digits, as everybody writes them. */
const plain = (serialNumber: string): string => serialNumber.toLowerCase().replace(/^0+/, "")

const recordedIsShown = safety(
  "recorded is shown",
  "A record tells of a certificate only once the volume has shown it.",
  () => {
    const shown = new Map<string, Set<string>>()
    return ({ what }, world) => {
      if (what._tag === "Written") {
        const volume = volumeAt(world, what.target)
        const sight = seeVolume(what.volume)
        if (volume === undefined || Result.isFailure(sight)) return undefined
        const serialNumber = plain(sight.success.certificate.serialNumber)
        shown.set(volume.volumeId, (shown.get(volume.volumeId) ?? new Set()).add(serialNumber))
      }
      if (what._tag !== "RecordSaved") return undefined
      const record = decodeRecord(what.text)
      const volume = volumeById(world, what.volumeId)
      if (Result.isFailure(record) || volume === undefined) return undefined
      const { serialNumber } = record.success.issued
      if (shown.get(volume.volumeId)?.has(plain(serialNumber)) === true) return undefined
      return `the record of ${volumeText(volume)} tells of the certificate ${serialNumber}, and no pod has seen it`
    }
  }
)

/** Records. */
export const judgesOfRecords: ReadonlyArray<Invariant> = [recordedIsShown]
