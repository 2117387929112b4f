/**
 * The invariants about records: what a record tells is true when it is written, so that a certlet that reads it after a
 * crash may believe it; and where that one finds something else, it says so.
 */
import { Result, Schema } from "effect"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import { type Invariant, invariant, safety } from "./Invariants.ts"
import { strangersAt, volumeAt, volumeById } from "./judgesOfVolumes.ts"
import { seeVolume } from "./Sight.ts"
import { isOnNode, isWell } from "./Troubles.ts"

const decodeRecord = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Struct({
      issued: Schema.Struct({
        serialNumber: Schema.String,
        remarks: Schema.optionalKey(Schema.Array(Schema.String))
      })
    })
  )
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

/** As certlet calls what issuers of the simulation never leave out. */
const alwaysThere = /\b(DNS name|IP address|URI) /

const remarksAreTrue = invariant(
  "remarks are true",
  "No record says that a certificate lacks a DNS name, an address or a URI: issuers of the simulation give all that a request asks for.",
  ({ what }, world) => {
    if (what._tag !== "RecordSaved") return undefined
    const record = decodeRecord(what.text)
    const { remarks = [] } = Result.isSuccess(record) ? record.success.issued : {}
    const wrong = remarks.find((remark) => alwaysThere.test(remark))
    const volume = volumeById(world, what.volumeId)
    return wrong === undefined || volume === undefined
      ? undefined
      : `the record of ${volumeText(volume)} says: ${wrong}`
  }
)

/** So long certlet may take to look at what the process before has left, in milliseconds. */
const resumptionLasts = 60_000

/** A volume that a stranger has mounted something over, where its node's certlet has started. */
interface Strange {
  readonly volume: SimPodVolume
  readonly until: number
}

const strangersTold = safety(
  "strangers told",
  "When certlet starts and a stranger's mount stands at a volume's target, its log tells of that volume within a minute, unless something else goes wrong.",
  () => {
    const strange = new Map<string, Strange>()
    return (event, world) => {
      const { at, what, where } = event
      if (isOnNode(event)) for (const [id, { volume }] of strange) if (volume.pod.node === where) strange.delete(id)
      if (what._tag === "ProcessStarted") {
        const recorded = world.volumes.filter(({ volumeId }) => world.nodes.get(where)?.records.texts.has(volumeId))
        const hidden = recorded.filter((volume) => world.pulled.includes(strangersAt(volume)))
        for (const volume of hidden) strange.set(volume.volumeId, { volume, until: at + resumptionLasts })
      }
      if (what._tag === "Logged") for (const id of strange.keys()) if (what.annotations.includes(id)) strange.delete(id)
      for (const [id, { until, volume }] of strange) {
        if (at <= until) continue
        strange.delete(id)
        const lever = strangersAt(volume)
        if (world.pulled.includes(lever) && isWell(volume.pod.node, world, lever))
          return `nothing is said of the stranger's mount at the target of ${volumeText(volume)}`
      }
      return undefined
    }
  }
)

/** Records. */
export const judgesOfRecords: ReadonlyArray<Invariant> = [recordedIsShown, remarksAreTrue, strangersTold]
