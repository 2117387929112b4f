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

  it.effect("is not Ready without its mount or its files, and says what happens next", () =>
    Effect.gen(function* () {
      const { disk, driver } = yield* published
      const status = Effect.map(driver.status, ([volume]) => [volume?.state, volume?.harm] as const)
      expect(yield* status).toEqual(["Ready", undefined])
      yield* disk.empty(web.target)
      expect(yield* status).toEqual(["Damaged", "the volume's files were removed; the next publish restores them"])
      yield* disk.clean(web.target)
      const [lost, sentence] = yield* status
      expect([lost, sentence]).toEqual(["Lost", expect.stringContaining("the pod must be restarted")])
      expect((yield* driver.metrics).match(/^certlet_volumes\{.*state="Lost".*\} (\d+)$/m)?.[1]).toBe("1")
      yield* disk.fail
      expect((yield* status)[0]).toBe("Lost")
      yield* disk.heal
      yield* during("1 second", driver.publish(web))
      const [mended] = yield* driver.status
      expect(mended).toMatchObject({ state: "Ready", remarks: [expect.stringMatching(/mounted again at .*restart/)] })
      expect(mended).not.toHaveProperty("harm")
    }).pipe(onNode("states"))
  )

  it.effect("is looked at once a minute for the gauges, however often they are scraped", () =>
    Effect.gen(function* () {
      const { disk, driver } = yield* published
      const lost = Effect.map(driver.metrics, (page) => page.match(/^certlet_volumes\{.*state="Lost".*\} (\d+)$/m)?.[1])
      expect(yield* lost).toBe("0")
      yield* disk.clean(web.target)
      expect(yield* lost).toBe("0")
      yield* TestClock.adjust("1 minute")
      expect(yield* lost).toBe("1")
    }).pipe(onNode("scraped"))
  )

  it.effect("says which key, files and keystores its pod asks for, and no password", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const call = publishCall("java", {
        "csi.cert-manager.io/key-algorithm": "ECDSA",
        "csi.cert-manager.io/key-size": "384",
        "csi.cert-manager.io/pkcs12-enable": "true",
        "csi.cert-manager.io/pkcs12-password": "a secret",
        "csi.cert-manager.io/jks-enable": "true",
        "csi.cert-manager.io/jks-password-from": "generate",
        "csi.cert-manager.io/truststore-enable": "true"
      })
      yield* during("1 second", driver.publish(call))
      const [status] = yield* driver.status
      expect(status).toMatchObject({
        key: { algorithm: "ECDSA", size: 384 },
        files: {
          names: [
            "ca.crt",
            "tls.crt",
            "tls.key",
            "keystore.p12",
            "truststore.p12",
            "keystore.jks",
            "truststore.jks",
            "keystore.jks.password"
          ],
          mode: "0440"
        },
        keystores: [
          {
            kind: "pkcs12",
            file: "keystore.p12",
            truststore: "truststore.p12",
            password: "the attribute pkcs12-password"
          },
          { kind: "jks", file: "keystore.jks", password: "generated, in the file keystore.jks.password" }
        ]
      })
      expect(JSON.stringify(status)).not.toContain("a secret")
    }).pipe(onNode("contents"))
  )

  it.effect("says the issuer's own words of a request that waits, and what to do", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ issuer: "hold" })
      yield* Effect.forkChild(Effect.ignore(driver.publish(web)))
      yield* TestClock.adjust("10 seconds")
      const [status] = yield* driver.status
      expect(status?.pending).toMatchObject({
        waitsFor: "signature",
        message: "held back",
        advice: "if this lasts, look at the issuer's status and at its controller"
      })
    }).pipe(onNode("words"))
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
