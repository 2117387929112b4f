import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type { Driver } from "../../src/driver/Driver.ts"
import type { PublishCall } from "../../src/driver/DriverCalls.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import { during, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

/** The same call, refused by this certlet: a value that an earlier one took. */
const refused = publishCall("web", { "csi.cert-manager.io/key-usages": "anything" })

const keystore = {
  "csi.cert-manager.io/pkcs12-enable": "true",
  "csi.cert-manager.io/pkcs12-password-from": "secret:pw"
}
const withSecret = (secrets: Readonly<Record<string, string>>): PublishCall => ({
  ...publishCall("web", keystore),
  secrets: Object.fromEntries(Object.entries(secrets).map(([key, value]) => [key, Redacted.make(value)]))
})

const withToken = (audience: string): PublishCall =>
  publishCall("web", {
    "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify({
      [audience]: { token: "t", expirationTimestamp: "2030-01-01T00:00:00Z" }
    })
  })

/** Where an operator, the kubelet, Prometheus and the pod's owner read of a volume. */
const told = (driver: Driver["Service"]) =>
  Effect.gen(function* () {
    const events = yield* Effect.flatMap(SimEvents, ({ present }) => present)
    const [status] = yield* driver.status
    const { complaints } = yield* driver.inspect(web.volumeId, Option.some(web.target))
    return {
      events: events.map(({ event }) => event.reason),
      state: status?.state,
      refused: status?.refused,
      complaints: complaints.map(({ reason }) => reason),
      metric: /^certlet_volumes_refused (\d+)$/m.exec(yield* driver.metrics)?.[1]
    }
  })

describe("a republish of a volume that has its files", () => {
  it.effect("is answered OK while its renewal is denied, and also when its certificate has expired", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      const before = yield* seen(web.target)
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ approval: { deny: "by policy" } }))
      yield* TestClock.adjust("17 hours")
      yield* during("1 second", driver.publish(web))
      expect(yield* told(driver)).toMatchObject({ events: ["CertificateDenied"], state: "Failing" })
      yield* TestClock.adjust("8 hours")
      yield* during("61 seconds", driver.publish(web))
      expect(yield* seen(web.target)).toEqual(before)
      expect(yield* told(driver)).toMatchObject({
        state: "Expired",
        complaints: ["CertificateExpired", "CertificateNotRenewed"]
      })
    }).pipe(onNode("denied renewal"))
  )

  it.effect("is refused where no publish of it has been answered and its certificate has expired", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      const brief = publishCall("web", { "csi.cert-manager.io/duration": "10m" })
      yield* cluster.behave({ approval: "hold" })
      yield* during("61 seconds", Effect.flip(driver.publish(brief)))
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 minute")
      yield* cluster.behave({ approval: { deny: "by policy" } })
      yield* TestClock.adjust("11 minutes")
      const error = yield* during("61 seconds", Effect.flip(driver.publish(brief)))
      expect(error.reason).toMatchObject({ reason: "Denied" })
    }).pipe(onNode("never answered"))
  )

  it.effect("is answered OK where an attribute is refused since the last start, and everybody reads which one", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      const before = yield* seen(web.target)
      yield* first.stop
      const disk = yield* SimRecordDisk
      const text = (yield* disk.texts).get(web.volumeId) ?? ""
      yield* disk.damage(web.volumeId, text.replace('"24h"', '"24h","csi.cert-manager.io/key-usages":"anything"'))
      const driver = yield* startDriver
      for (let i = 0; i < 3; i++) yield* during("1 minute", driver.publish(refused))
      expect(yield* seen(web.target)).toEqual(before)
      const found = yield* told(driver)
      expect(found).toMatchObject({
        events: ["VolumeRefused"],
        state: "Refused",
        complaints: ["VolumeRefused"],
        metric: "1"
      })
      expect(found.refused).toContain("csi.cert-manager.io/key-usages")
      expect((yield* driver.status)[0]?.certificate?.notAfter).toBeDefined()
      yield* driver.unpublish(web)
      expect(yield* driver.status).toEqual([])
      const error = yield* Effect.flip(driver.publish(refused))
      expect(error.reason).toMatchObject({ _tag: "SpecError", field: "csi.cert-manager.io/key-usages" })
    }).pipe(onNode("refused since"))
  )

  it.effect("is refused once its files are gone, and then it is no volume any more", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      yield* first.stop
      yield* Effect.flatMap(SimRecordDisk, (disk) => disk.wipe)
      const driver = yield* startDriver
      yield* driver.publish(refused)
      expect((yield* driver.status).map(({ state }) => state)).toEqual(["Refused"])
      yield* Effect.flatMap(SimDisk, (disk) => disk.clean(web.target))
      expect((yield* Effect.flip(driver.publish(refused))).reason).toMatchObject({ _tag: "SpecError" })
      expect((yield* driver.status).map(({ state }) => state)).toEqual(["Refused"])
      yield* during("1 second", driver.publish(web))
      expect((yield* driver.status).map(({ state }) => state)).toEqual(["Ready"])
    }).pipe(onNode("refused, then gone"))
  )

  it.effect("is answered OK where its Secret has lost the key, and renewals go on with the password of before", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(withSecret({ pw: "hush hush" })))
      yield* during("1 second", driver.publish(withSecret({})))
      const found = yield* told(driver)
      expect(found).toMatchObject({ events: ["VolumeRefused"], state: "Ready", complaints: ["VolumeRefused"] })
      expect(found.refused).toContain('finds no key "pw"')
      const before = yield* seen(web.target)
      yield* TestClock.adjust("17 hours")
      expect(yield* seen(web.target)).not.toEqual(before)
      yield* during("1 second", driver.publish(withSecret({ pw: "hush hush" })))
      expect(yield* told(driver)).toMatchObject({ state: "Ready", refused: undefined, complaints: [], metric: "0" })
    }).pipe(onNode("lost key"))
  )

  it.effect("is answered OK where its token is for another audience", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(withToken("")))
      yield* during("1 second", driver.publish(withToken("vault")))
      const found = yield* told(driver)
      expect(found).toMatchObject({ events: ["VolumeRefused"], state: "Ready", complaints: ["VolumeRefused"] })
      expect(found.refused).toContain("none for the API server")
    }).pipe(onNode("another audience", { useTokenRequest: true }))
  )

  it.effect("does not hide that a new volume's Secret lacks the key, or that its files are damaged beyond repair", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const missing = { _tag: "SpecError", field: "csi.cert-manager.io/pkcs12-password-from" }
      expect((yield* Effect.flip(driver.publish(withSecret({})))).reason).toMatchObject(missing)
      yield* during("1 second", driver.publish(withSecret({ pw: "hush hush" })))
      yield* Effect.flatMap(SimDisk, (disk) => disk.empty(web.target))
      expect((yield* Effect.flip(driver.publish(withSecret({})))).reason).toMatchObject(missing)
    }).pipe(onNode("not hidden"))
  )
})
