import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { PacedDisk } from "../kit/PacedDisk.ts"
import { changed, during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

const left = (target: string) =>
  Effect.gen(function* () {
    const condition = yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(target))
    const records = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
    return { condition, records: records.length }
  })

describe("unpublish", () => {
  it.effect("leaves neither files nor mount nor record nor fiber", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* during("1 second", driver.publish(web))
      yield* driver.unpublish(web)
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
      yield* TestClock.adjust("30 days")
      expect((yield* cluster.submitted).length).toBe(1)
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
    }).pipe(onNode("gone"))
  )

  it.effect("succeeds for a volume that nobody knows, and twice", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* driver.unpublish(web)
      yield* during("1 second", driver.publish(web))
      yield* driver.unpublish(web)
      yield* driver.unpublish(web)
    }).pipe(onNode("unknown"))
  )

  it.effect("while a publish runs ends it, leaves nothing and withdraws its request", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      const publishing = yield* Effect.forkChild(Effect.flip(driver.publish(web)))
      yield* TestClock.adjust("5 seconds")
      yield* driver.unpublish(web)
      const error = yield* Fiber.join(publishing)
      expect(error.reason._tag).toBe("Unpublished")
      yield* TestClock.adjust("1 second")
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
      expect(yield* cluster.present).toEqual([])
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 day")
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
    }).pipe(onNode("during publish"))
  )

  it.effect.each([
    { server: "is away", behaviour: { api: "Unavailable" } },
    { server: "is silent", behaviour: { callLatency: Duration.hours(10) } }
  ] as const)("does not wait for an API server that $server", ({ behaviour, server }) =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      const publishing = yield* Effect.forkChild(Effect.exit(driver.publish(web)))
      yield* TestClock.adjust("1 second")
      yield* cluster.behave(behaviour)
      yield* during(0, driver.unpublish(web))
      yield* Fiber.join(publishing)
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
    }).pipe(onNode(`api ${server}`))
  )

  it.effect("withdraws no request of the volume that is published again meanwhile", () => {
    let discarded = 0
    // The first publish has nothing to discard; the unpublish comes next.
    const slow = changed(CertificateRequests, (requests) => ({
      discard: (volume) => Effect.delay(requests.discard(volume), ++discarded === 2 ? "3 seconds" : 0)
    }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      const publishing = yield* Effect.forkChild(Effect.exit(driver.publish(web)))
      yield* TestClock.adjust("5 seconds")
      yield* driver.unpublish(web)
      yield* Fiber.join(publishing)
      yield* cluster.behave({ approval: "approve" })
      yield* during("10 seconds", driver.publish(web))
      expect((yield* cluster.submitted).length).toBe(2)
      expect((yield* cluster.present).length).toBe(1)
    }).pipe(Effect.provide(slow), onNode("again"))
  })

  it.effect("leaves a record that cannot be removed for later, and the pod does not wait for it", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const records = yield* SimRecordDisk
      yield* during("1 second", driver.publish(web))
      yield* records.fail
      yield* during(0, driver.unpublish(web))
      yield* records.heal
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 1 })
      yield* TestClock.adjust("2 minutes")
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
    }).pipe(onNode("record stays"))
  )

  it.effect("of a volume that nobody knows touches no folder that may be anybody's", () => {
    const disk = new PacedDisk()
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* driver.unpublish({ volumeId: "csi-nobody", target: "/srv/data" })
      expect(disk.diary.filter((line) => /^(unmount|release)/.test(line))).toEqual([])
      yield* driver.unpublish({ ...web, volumeId: "csi-nobody" })
      expect(disk.diary).toContain("unmount begins")
    }).pipe(Effect.provide(disk.layer), onNode("anybody's"))
  })

  it.effect("that cannot unmount says so, and the next one finishes", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const disk = yield* SimDisk
      yield* during("1 second", driver.publish(web))
      yield* disk.fail
      const error = yield* Effect.flip(driver.unpublish(web))
      expect(error.reason).toMatchObject({ _tag: "VolumeError", reason: "Io" })
      yield* disk.heal
      yield* driver.unpublish(web)
      expect(yield* left(web.target)).toEqual({ condition: "absent", records: 0 })
    }).pipe(onNode("io"))
  )

  it.effect("touches no other volume", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const other = publishCall("other")
      yield* during("1 second", Effect.all([driver.publish(web), driver.publish(other)], { concurrency: 2 }))
      yield* driver.unpublish(web)
      expect(yield* left(other.target)).toEqual({ condition: "filled", records: 1 })
    }).pipe(onNode("other"))
  )
})
