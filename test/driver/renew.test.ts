import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Logger, Option } from "effect"
import { TestClock } from "effect/testing"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { changed, during, isServed, leafSeen, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

const publicKey = (target: string) =>
  Effect.map(leafSeen(target), (leaf) => Buffer.from(leaf.publicKey.rawData).toString("hex"))

const submissions = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (all) => all.length))

/** Requests whose predecessors are deleted by another program, once it is said to begin. */
const deletesBy = (program: Effect.Effect<never>) => {
  let isBegun = false
  const predecessors: Array<string> = []
  const layer = changed(CertificateRequests, (requests) => ({
    submit: (draft) =>
      Effect.tap(requests.submit(draft), ({ name }) =>
        Effect.sync(() => {
          if (!isBegun) predecessors.push(name)
        })
      ),
    discard: (volume) => (isBegun && predecessors.some(volume.isDoomed) ? program : requests.discard(volume))
  }))
  return { layer, begin: () => (isBegun = true) }
}

describe("renew", () => {
  it.effect(
    "comes at two thirds of the lifetime, a tenth earlier at the most, and never lets a certificate expire",
    () =>
      Effect.gen(function* () {
        const driver = yield* startDriver
        yield* during("1 second", driver.publish(web))
        yield* TestClock.adjust(Duration.hours(14.3))
        expect(yield* submissions).toBe(1)
        yield* TestClock.adjust(Duration.hours(1.8))
        expect(yield* submissions).toBe(2)
        for (let hour = 0; hour < 24 * 28; hour++) {
          yield* TestClock.adjust("1 hour")
          expect(yield* isServed(web.target)).toBe(true)
        }
        // Four weeks of daily certificates, renewed every 14.4 to 16 hours.
        expect(yield* submissions).toBeGreaterThanOrEqual(42)
        expect(yield* submissions).toBeLessThanOrEqual(49)
      }).pipe(onNode("four weeks"))
  )

  it.effect("honours renew-before", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(publishCall("web", { "csi.cert-manager.io/renew-before": "1h" })))
      yield* TestClock.adjust(Duration.hours(20.6))
      expect(yield* submissions).toBe(1)
      yield* TestClock.adjust(Duration.hours(2.5))
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("renew-before"))
  )

  it.effect("takes a new key each time, keeps one request, and every key serves one request", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* during("1 second", driver.publish(web))
      const keys = new Set([yield* publicKey(web.target)])
      for (let day = 0; day < 10; day++) {
        yield* TestClock.adjust("1 day")
        keys.add(yield* publicKey(web.target))
        expect((yield* cluster.present).length).toBe(1)
      }
      expect(keys.size).toBe(11)
      const drafts = yield* cluster.submitted
      expect(new Set(drafts.map((draft) => draft.signingRequest)).size).toBe(drafts.length)
    }).pipe(onNode("keys"))
  )

  it.effect("keeps the key where the pod asks for that", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const asked = publishCall("web", {
        "csi.cert-manager.io/reuse-private-key": "true",
        "csi.cert-manager.io/key-algorithm": "ECDSA"
      })
      yield* during("1 second", driver.publish(asked))
      const before = yield* publicKey(web.target)
      const leaf = yield* leafSeen(web.target)
      yield* TestClock.adjust("1 day")
      expect(yield* publicKey(web.target)).toBe(before)
      expect((yield* leafSeen(web.target)).serialNumber).not.toBe(leaf.serialNumber)
    }).pipe(onNode("reuse"))
  )

  it.effect("keeps the old files while the API server is away, calmly, and recovers before they expire", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* during("1 second", driver.publish(web))
      const before = yield* seen(web.target)
      yield* cluster.behave({ api: "Unavailable" })
      yield* TestClock.adjust("20 hours")
      expect(yield* seen(web.target)).toEqual(before)
      yield* cluster.behave({ api: "up" })
      yield* TestClock.adjust("10 minutes")
      expect(yield* seen(web.target)).not.toEqual(before)
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("api away"))
  )

  it.effect("has ended when the files are in place, however long its predecessor takes to go", () => {
    const slow = deletesBy(Effect.never)
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      slow.begin()
      const before = yield* leafSeen(web.target)
      const after = yield* during("10 seconds", driver.renewNow(web.volumeId, Duration.seconds(5)))
      expect(after.state).toBe("Ready")
      expect((yield* leafSeen(web.target)).serialNumber).not.toBe(before.serialNumber)
    }).pipe(Effect.provide(slow.layer), onNode("slow deletion"))
  })

  it.effect("goes on, whatever comes of deleting its predecessor", () => {
    const broken = deletesBy(Effect.die(new Error("cannot be")))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      broken.begin()
      for (let day = 0; day < 3; day++) {
        const before = yield* leafSeen(web.target)
        yield* TestClock.adjust("1 day")
        expect((yield* leafSeen(web.target)).serialNumber).not.toBe(before.serialNumber)
      }
    }).pipe(Effect.provide(broken.layer), onNode("broken deletion"))
  })

  it.effect("leaves a server alone for as long as it asks to be", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      yield* Effect.flatMap(SimControlPlane, ({ behave }) => behave({ throttled: 1, retryAfterSeconds: 6000 }))
      yield* Effect.forkChild(Effect.exit(driver.renewNow(web.volumeId, Duration.seconds(1))))
      yield* TestClock.adjust("1 second")
      const [status] = yield* driver.status
      const { at, nextTry } = status?.failure ?? (yield* Effect.die("nothing has failed"))
      // A minute is the most that is believed; the pause of a first failure is some seconds.
      expect(Duration.toSeconds(DateTime.distance(at, nextTry))).toBe(60)
    }).pipe(onNode("throttled"))
  )

  it.effect("that is refused is asked again seldom, and succeeds once the policy is mended", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* during("1 second", driver.publish(web))
      yield* cluster.behave({ approval: { deny: "by policy" } })
      yield* TestClock.adjust("20 hours")
      expect(yield* submissions).toBeLessThanOrEqual(15)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("100 minutes")
      const leaf = yield* leafSeen(web.target)
      yield* TestClock.adjust("2 hours")
      expect(leaf.notAfter.getTime()).toBeGreaterThan(Duration.toMillis("24 hours"))
      expect(yield* isServed(web.target)).toBe(true)
    }).pipe(onNode("refused"))
  )

  it.effect("waits for a late approval without a second request", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* during("1 second", driver.publish(web))
      yield* cluster.behave({ approval: "hold" })
      yield* TestClock.adjust("23 hours")
      expect(yield* submissions).toBe(2)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("3 hours")
      expect(yield* isServed(web.target)).toBe(true)
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("late approval"))
  )

  it.effect("never runs hot, whatever lifetimes an issuer gives", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) =>
        cluster.behave({ lifetime: Option.some(Duration.seconds(2)) })
      )
      yield* during("1 second", driver.publish(web))
      yield* TestClock.adjust("10 minutes")
      expect(yield* submissions).toBeLessThanOrEqual(1 + 600)
    }).pipe(onNode("hot"))
  )

  it.effect.each([Duration.seconds(30), Duration.days(400)])(
    "asks no more often for an issuer that dates certificates back by %s, whatever renew-before says",
    (backdating) =>
      Effect.gen(function* () {
        const driver = yield* startDriver
        yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ backdating }))
        yield* during("1 second", driver.publish(publishCall("web", { "csi.cert-manager.io/renew-before": "24h" })))
        yield* TestClock.adjust("10 days")
        // As without the wish: after 14.4 to 16 of 24 hours.
        expect(yield* submissions).toBeGreaterThanOrEqual(15)
        expect(yield* submissions).toBeLessThanOrEqual(18)
        const told = yield* Effect.flatMap(SimEvents, ({ present }) => present)
        expect(told.map(({ count, event: { note, reason } }) => [reason, count, note])).toEqual([
          [
            "VolumeAttributeIgnored",
            1,
            expect.stringContaining(
              "is in use; csi.cert-manager.io/renew-before: is ignored, because 1d before the end is within the first tenth"
            )
          ]
        ])
        const [status] = yield* driver.status
        expect(status?.remarks).toEqual([expect.stringContaining("renew-before: is ignored")])
      }).pipe(onNode("backdated"))
  )

  it.effect("on a full disk keeps the old files, and uses the signed certificate once there is space", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const disk = yield* SimDisk
      yield* during("1 second", driver.publish(web))
      const before = yield* seen(web.target)
      yield* disk.fill
      yield* TestClock.adjust("20 hours")
      expect(yield* seen(web.target)).toEqual(before)
      yield* disk.free
      yield* TestClock.adjust("10 minutes")
      expect(yield* seen(web.target)).not.toEqual(before)
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("full"))
  )

  it.effect("spreads a node's volumes: no herd", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const pods = Array.from({ length: 200 }, (_, i) => publishCall(`pod-${i}`))
      yield* during("1 second", Effect.forEach(pods, driver.publish, { concurrency: 200, discard: true }))
      yield* TestClock.adjust("14 hours")
      let busiest = 0
      let before = yield* submissions
      for (let minute = 0; minute < 150; minute++) {
        yield* TestClock.adjust("1 minute")
        const now = yield* submissions
        busiest = Math.max(busiest, now - before)
        before = now
      }
      expect(before).toBe(400)
      // 200 renewals over 96 minutes are two a minute; a herd would be 200.
      expect(busiest).toBeLessThanOrEqual(12)
    }).pipe(onNode("herd"))
  )

  it.effect("writes no key into a log or, once the files are in place, into a record", () => {
    const lines: Array<string> = []
    const recorder = Logger.make(({ message }) => {
      lines.push(JSON.stringify(message))
    })
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      yield* TestClock.adjust("3 days")
      expect(lines.length).toBeGreaterThan(0)
      const records = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
      expect(records.map((record) => record.pending)).toEqual([Option.none()])
      const key = Option.getOrThrow(yield* seen(web.target))["tls.key"] ?? ""
      const secret = key.split("\n")[1] ?? ""
      expect(secret.length).toBeGreaterThan(20)
      expect([...lines, JSON.stringify(records)].join("\n")).not.toMatch(/PRIVATE KEY/)
      expect([...lines, JSON.stringify(records)].join("\n")).not.toContain(secret)
    }).pipe(onNode("secrets"), Effect.provide(Logger.layer([recorder])))
  })
})
