import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

const published = Effect.gen(function* () {
  const driver = yield* startDriver
  yield* during("1 second", driver.publish(web))
  const reasons = Effect.map(driver.inspect(web.volumeId, Option.some(web.target)), ({ complaints }) =>
    complaints.map(({ reason, severity }) => `${severity} ${reason}`)
  )
  return { driver, reasons, cluster: yield* SimControlPlane, disk: yield* SimDisk }
})

describe("a volume that is looked at", () => {
  it.effect("takes some room and has nothing to complain of, over all its renewals", () =>
    Effect.gen(function* () {
      const { driver, reasons } = yield* published
      const { usage } = yield* driver.inspect(web.volumeId, Option.none())
      const { bytes, inodes } = Option.getOrThrow(usage)
      expect(bytes.used).toBeGreaterThan(500)
      expect(bytes.available).toBe(bytes.total - bytes.used)
      expect(inodes.used).toBe(4)
      for (let hour = 0; hour < 100; hour++) {
        expect(yield* reasons).toEqual([])
        yield* TestClock.adjust("1 hour")
      }
    }).pipe(onNode("well"))
  )

  it.effect("is degraded when its renewal is late, and when its certificate has expired", () =>
    Effect.gen(function* () {
      const { cluster, reasons } = yield* published
      yield* cluster.behave({ approval: "hold" })
      yield* TestClock.adjust("17 hours")
      expect(yield* reasons).toEqual([])
      yield* TestClock.adjust("5 hours")
      expect(yield* reasons).toEqual(["degraded CertificateNearExpiry"])
      yield* TestClock.adjust("3 hours")
      expect(yield* reasons).toEqual(["degraded CertificateExpired"])
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 minute")
      expect(yield* reasons).toEqual([])
    }).pipe(onNode("late"))
  )

  it.effect("is degraded when a renewal was refused, and when others keep failing", () =>
    Effect.gen(function* () {
      const { cluster, driver, reasons } = yield* published
      yield* cluster.behave({ approval: { deny: "by policy" } })
      yield* TestClock.adjust("17 hours")
      expect(yield* reasons).toEqual(["degraded CertificateNotRenewed"])
      const { complaints } = yield* driver.inspect(web.volumeId, Option.none())
      expect(complaints[0]?.sentence).toMatch(/^\d+ attempts in a row failed: CertificateRequest .*; .*policy$/)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("2 hours")
      expect(yield* reasons).toEqual([])
      yield* cluster.behave({ api: "Unavailable" })
      yield* TestClock.adjust("17 hours")
      expect(yield* reasons).toContain("degraded CertificateNotRenewed")
    }).pipe(onNode("failing"))
  )

  it.effect("is inaccessible without its mount, and degraded without its files or before its first certificate", () =>
    Effect.gen(function* () {
      const { cluster, disk, driver, reasons } = yield* published
      yield* disk.empty(web.target)
      expect(yield* reasons).toEqual(["degraded FilesMissing"])
      yield* disk.clean(web.target)
      expect(yield* reasons).toEqual(["inaccessible MountLost"])
      yield* disk.fail
      expect(yield* reasons).toEqual(["inaccessible VolumeUnreadable"])
      yield* disk.heal
      yield* cluster.behave({ approval: "hold" })
      yield* Effect.forkChild(Effect.ignore(driver.publish(publishCall("new"))))
      yield* TestClock.adjust("1 second")
      const { complaints } = yield* driver.inspect("csi-new", Option.none())
      expect(complaints.map(({ reason }) => reason)).toEqual(["CertificateNotIssued"])
    }).pipe(onNode("lost"))
  )

  it.effect("is not another one's, and not at another place", () =>
    Effect.gen(function* () {
      const { driver } = yield* published
      for (const [id, path] of [
        ["csi-other", Option.none()],
        [web.volumeId, Option.some("/elsewhere")]
      ] as const) {
        expect(yield* Effect.flip(driver.inspect(id, path))).toMatchObject({ _tag: "UnknownVolume", volumeId: id })
      }
    }).pipe(onNode("unknown"))
  )
})
