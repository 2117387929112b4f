import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import type { Driver } from "../../src/driver/Driver.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

const inherit = Effect.flatMap(SimDisk, (disk) => disk.inherit(web.target))

const condition = Effect.flatMap(VolumeFS, (fs) => fs.inspect(web.target))

/** What an operator and the kubelet are told of it. */
const complained = (driver: Driver["Service"]) =>
  Effect.gen(function* () {
    const count = (yield* driver.metrics).match(/^certlet_volumes\{.*state="Inherited".*\} (\d+)$/m)?.[1]
    const report = yield* Effect.option(driver.inspect(web.volumeId, Option.some(web.target)))
    const reasons = Option.map(report, ({ complaints }) => complaints.map(({ reason }) => reason).join())
    return { count, reasons: Option.getOrElse(reasons, () => "unknown") }
  })

/** The Events, and what there is of certlet's. */
const seen = Effect.gen(function* () {
  const events = yield* Effect.flatMap(SimEvents, ({ present }) => present)
  const records = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
  const requests = yield* Effect.flatMap(SimControlPlane, ({ submitted }) => submitted)
  return { events: events.map(({ event }) => event.reason), records: records.length, requests: requests.length }
})

describe("a volume that another driver has mounted", () => {
  it.effect("is left as it is, republish after republish, and the pod gets one Event", () =>
    Effect.gen(function* () {
      yield* inherit
      const driver = yield* startDriver
      for (let i = 0; i < 100; i++) {
        yield* driver.publish(web)
        yield* TestClock.adjust("1 minute")
      }
      expect(yield* condition).toBe("inherited")
      expect(yield* complained(driver)).toEqual({ count: "1", reasons: "VolumeInherited" })
      expect(yield* seen).toEqual({ events: ["VolumeInherited"], records: 0, requests: 0 })
    }).pipe(onNode("inherited"))
  )

  it.effect("is recognised before its attributes are judged, and told with what will be refused", () =>
    Effect.gen(function* () {
      yield* inherit
      const driver = yield* startDriver
      const odd = publishCall("web", {
        "csi.cert-manager.io/key-usages": "anything",
        "csi.cert-manager.io/is-ca": "yes"
      })
      for (let i = 0; i < 2; i++) yield* during("1 minute", driver.publish(odd))
      expect(yield* complained(driver)).toEqual({ count: "1", reasons: "VolumeInherited" })
      const [event] = yield* Effect.flatMap(SimEvents, ({ present }) => present)
      const [status] = yield* driver.status
      expect(status).toMatchObject({ state: "Inherited", issuer: { name: "ca", kind: "Issuer" } })
      const { complaints } = yield* driver.inspect(odd.volumeId, Option.none())
      for (const sentence of [event?.event.note, status?.refused, complaints[0]?.sentence]) {
        expect(sentence).toContain("csi.cert-manager.io/key-usages")
        expect(sentence).toContain("csi.cert-manager.io/is-ca")
      }
      expect(yield* driver.metrics).toMatch(/^certlet_volumes_refused 1$/m)
      expect(yield* driver.metrics).toMatch(/^certmanager_csi_managed_volume_count\S* 0$/m)
      const error = yield* Effect.flip(driver.renewNow(odd.volumeId, Duration.seconds(1)))
      expect(error.message).toContain("csi.cert-manager.io/is-ca")
      yield* driver.unpublish(odd)
      expect(yield* driver.status).toEqual([])
    }).pipe(onNode("inherited and refused"))
  )

  it.effect("cannot be renewed, and whoever asks for it reads why", () =>
    Effect.gen(function* () {
      yield* inherit
      const driver = yield* startDriver
      yield* driver.publish(web)
      const error = yield* Effect.flip(driver.renewNow(web.volumeId, Duration.seconds(1)))
      expect(error.message).toContain("restart the pod")
    }).pipe(onNode("inherited, renewed"))
  )

  it.effect("goes with its pod, and the next pod gets one of certlet's", () =>
    Effect.gen(function* () {
      yield* inherit
      const driver = yield* startDriver
      yield* driver.publish(web)
      yield* driver.unpublish(web)
      expect(yield* condition).toBe("absent")
      expect(yield* complained(driver)).toEqual({ count: "0", reasons: "unknown" })
      yield* during("1 second", driver.publish(web))
      expect(yield* condition).toBe("filled")
    }).pipe(onNode("inherited goes"))
  )

  it.effect("is left as it is where certlet had a volume of its own too, and all of it goes with the pod", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      yield* Effect.flatMap(SimDisk, (disk) => disk.clean(web.target))
      yield* inherit
      yield* driver.publish(web)
      yield* TestClock.adjust("2 days")
      expect(yield* condition).toBe("inherited")
      expect(yield* seen).toEqual({ events: ["VolumeInherited"], records: 0, requests: 1 })
      yield* driver.unpublish(web)
      expect(yield* condition).toBe("absent")
      expect((yield* seen).records).toBe(0)
    }).pipe(onNode("back and forth"))
  )
})
