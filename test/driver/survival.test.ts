import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { CertificateRequests, type RequestDraft, RequestError } from "../../src/issuance/CertificateRequests.ts"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { SimPodRegistry } from "../../src/testing/parts/SimPodRegistry.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { changed, countWrites, during, leafSeen, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

const published = Effect.gen(function* () {
  const driver = yield* startDriver
  yield* during("1 second", driver.publish(web))
  return driver
})

const submissions = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (all) => all.length))
const conditionOf = (target: string) => Effect.flatMap(VolumeFS, (fs) => fs.inspect(target))
const recorded = Effect.flatMap(SimRecordDisk, (disk) => Effect.map(disk.texts, (texts) => [...texts.keys()]))
const told = Effect.map(
  Effect.flatMap(SimEvents, ({ present }) => present),
  (tallies) => tallies.map(({ event }) => event.reason)
)
const damage = (what: "file" | "link") => Effect.flatMap(SimDisk, (disk) => disk.damage(web.target, what))

describe("a volume whose files somebody damages", () => {
  it.effect("gets its links back from the set that it holds, and nobody is asked for a certificate", () =>
    Effect.gen(function* () {
      const driver = yield* published
      const before = yield* seen(web.target)
      yield* damage("link")
      const report = yield* driver.inspect(web.volumeId, Option.none())
      expect(report.complaints.map(({ reason }) => reason)).toEqual(["FilesDamaged"])
      yield* during("1 second", driver.publish(web))
      expect(yield* conditionOf(web.target)).toBe("filled")
      expect(yield* seen(web.target)).toEqual(before)
      expect(yield* submissions).toBe(1)
      expect(yield* told).toEqual(["VolumeDamaged"])
      expect((yield* driver.inspect(web.volumeId, Option.none())).complaints).toEqual([])
    }).pipe(onNode("links"))
  )

  it.effect("gets a new certificate where a file is damaged, and its owner hears of both", () =>
    Effect.gen(function* () {
      const driver = yield* published
      const before = yield* seen(web.target)
      yield* damage("file")
      yield* during("1 second", driver.publish(web))
      expect(yield* conditionOf(web.target)).toBe("filled")
      expect(yield* seen(web.target)).not.toEqual(before)
      expect(yield* submissions).toBe(2)
      expect(yield* told).toEqual(["VolumeDamaged", "VolumeHealed"])
    }).pipe(onNode("file"))
  )

  it.effect.each(["link", "file"] as const)("is healed by the next process, without a publish: a %s", (what) =>
    Effect.gen(function* () {
      const first = yield* published
      yield* first.stop
      yield* damage(what)
      yield* startDriver
      yield* TestClock.adjust("1 second")
      expect(yield* conditionOf(web.target)).toBe("filled")
      expect(yield* submissions).toBe(what === "link" ? 1 : 2)
      expect(yield* told).toContain("VolumeDamaged")
    }).pipe(onNode(what))
  )
})

describe("a volume whose mount somebody takes away", () => {
  // Seen in seed 900137 of the swarm: the API server was called every 15 seconds for what only a publish can bring.
  it.effect("is tried seldom after its certificate's end, and has its files with the next publish", () => {
    const writes = countWrites()
    return Effect.gen(function* () {
      const driver = yield* published
      yield* Effect.flatMap(SimDisk, (disk) => disk.clean(web.target))
      yield* TestClock.adjust("25 hours")
      const before = writes.count
      yield* TestClock.adjust("6 hours")
      expect([writes.count - before > 0, writes.count - before < 200]).toEqual([true, true])
      yield* during("1 second", driver.publish(web))
      expect(yield* conditionOf(web.target)).toBe("filled")
    }).pipe(Effect.provide(writes.layer), onNode("mount taken"))
  })
})

describe("a renewal that meets a defect", () => {
  it.effect("fails, is told to whoever waits for it, and the volume is renewed later", () => {
    let isBroken = false
    const breaking = changed(KeyGenerator, (keys) => ({
      generate: (wanted) => (isBroken ? Effect.die(new Error("cannot be")) : keys.generate(wanted))
    }))
    return Effect.gen(function* () {
      const driver = yield* published
      const before = yield* seen(web.target)
      isBroken = true
      const error = yield* Effect.flip(during("10 seconds", driver.renewNow(web.volumeId, Duration.seconds(5))))
      expect(error).toMatchObject({ reason: { _tag: "Defect" } })
      expect(yield* seen(web.target)).toEqual(before)
      isBroken = false
      yield* TestClock.adjust("1 hour")
      expect(yield* seen(web.target)).not.toEqual(before)
    }).pipe(Effect.provide(breaking), onNode("defect"))
  })
})

describe("a renewal that is denied again and again", () => {
  it.effect("leaves no pile of requests", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      yield* published
      yield* cluster.behave({ approval: { deny: "by policy" } })
      yield* TestClock.adjust("22 hours")
      expect((yield* cluster.submitted).length).toBeGreaterThan(4)
      expect((yield* cluster.present).length).toBeLessThanOrEqual(2)
    }).pipe(onNode("denied"))
  )
})

describe("a request that is picked up after a restart", () => {
  it.effect("brings the names that it was made with, and those of now follow", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const pods = yield* SimPodRegistry
      const pod = { namespace: "apps", name: "web", uid: "uid-web" }
      const named = publishCall("web", { "csi.cert-manager.io/dns-names": "${POD_LABEL:team}.apps.svc" })
      yield* pods.set(pod, { labels: { team: "red" } })
      const first = yield* startDriver
      yield* cluster.behave({ issuer: "hold" })
      const publishing = yield* Effect.forkChild(Effect.exit(first.publish(named)))
      yield* TestClock.adjust("5 seconds")
      yield* first.stop
      yield* Fiber.interrupt(publishing)
      yield* pods.set(pod, { labels: { team: "blue" } })
      yield* startDriver
      yield* TestClock.adjust("5 seconds")
      yield* cluster.behave({ issuer: "sign" })
      yield* TestClock.adjust("1 minute")
      expect((yield* leafSeen(web.target)).toString("text")).toContain("blue.apps.svc")
      expect((yield* cluster.submitted).map(({ spec }) => spec.dnsNames)).toEqual([["red.apps.svc"], ["blue.apps.svc"]])
    }).pipe(onNode("names of a restart"))
  )
})

describe("a renewal that a crash interrupts", () => {
  it.effect("is taken up at once, although the certificate would last for long", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const first = yield* published
      const before = yield* seen(web.target)
      yield* cluster.behave({ issuer: "hold" })
      const renewing = yield* Effect.forkChild(Effect.exit(first.renewNow(web.volumeId, Duration.minutes(5))))
      yield* TestClock.adjust("5 seconds")
      yield* first.stop
      yield* Fiber.interrupt(renewing)
      yield* cluster.behave({ issuer: "sign" })
      yield* startDriver
      yield* TestClock.adjust("1 second")
      expect(yield* seen(web.target)).not.toEqual(before)
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("by hand"))
  )

  it.effect("is asked for again where the data root is on a disk, which never sees the key", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const disk = yield* SimRecordDisk
      yield* disk.moveToDisk
      const first = yield* startDriver
      yield* cluster.behave({ issuer: "hold" })
      const publishing = yield* Effect.forkChild(Effect.exit(first.publish(web)))
      yield* TestClock.adjust("5 seconds")
      expect(yield* submissions).toBe(1)
      expect([...(yield* disk.texts).values()].join()).not.toContain("privateKey")
      yield* first.stop
      yield* Fiber.interrupt(publishing)
      yield* cluster.behave({ issuer: "sign" })
      const second = yield* startDriver
      yield* during("1 second", second.publish(web))
      expect(yield* submissions).toBe(2)
      expect((yield* cluster.present).length).toBe(1)
      expect(yield* second.keepsKeys).toBe(false)
      expect(yield* second.metrics).toMatch(/^certlet_data_root_in_memory 0$/m)
      expect(yield* conditionOf(web.target)).toBe("filled")
    }).pipe(onNode("disk"))
  )
})

describe("a data root that turns read-only", () => {
  it.effect("keeps no pod from ending, and the record goes when it can", () =>
    Effect.gen(function* () {
      const disk = yield* SimRecordDisk
      const driver = yield* published
      yield* disk.lock
      yield* during("1 second", driver.unpublish(web))
      expect(yield* conditionOf(web.target)).toBe("absent")
      yield* TestClock.adjust("10 minutes")
      expect(yield* recorded).toEqual([web.volumeId])
      expect(yield* driver.status).toEqual([])
      yield* disk.unlock
      yield* TestClock.adjust("2 minutes")
      expect(yield* recorded).toEqual([])
    }).pipe(onNode("read-only"))
  )

  it.effect("does not cost the record of a volume that was published again meanwhile", () =>
    Effect.gen(function* () {
      const disk = yield* SimRecordDisk
      const driver = yield* published
      yield* disk.lock
      yield* during("1 second", driver.unpublish(web))
      yield* disk.unlock
      yield* during("0.5 seconds", driver.publish(web))
      yield* TestClock.adjust("5 minutes")
      expect(yield* recorded).toEqual([web.volumeId])
      expect(yield* conditionOf(web.target)).toBe("filled")
    }).pipe(onNode("again"))
  )
})

describe("a target", () => {
  const root = { kubeletRootDir: Option.some("/var/lib/kubelet") }

  it.effect("outside the kubelet's root is refused, and nothing there is touched", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const disk = yield* SimDisk
      yield* during("1 second", driver.publish(web))
      for (const target of [
        "/srv/data",
        "/var/lib/kubelet/pods/uid-web/volumes/kubernetes.io~csi/mount",
        "/var/lib/kubelet/pods/uid-web/volumes/kubernetes.io~nfs/tls/mount",
        "/var/lib/other/pods/uid-web/volumes/kubernetes.io~csi/tls/mount"
      ]) {
        yield* disk.inherit(target)
        const other = { ...web, volumeId: "csi-other", target }
        const refused = { _tag: "VolumeError", reason: "Hostile" }
        expect((yield* Effect.flip(driver.publish(other))).reason).toMatchObject(refused)
        expect((yield* Effect.flip(driver.unpublish(other))).reason).toMatchObject(refused)
        expect(yield* conditionOf(target)).toBe("inherited")
      }
      expect(yield* submissions).toBe(1)
      yield* driver.unpublish(web)
      expect(yield* conditionOf(web.target)).toBe("absent")
    }).pipe(onNode("outside", root))
  )

  it.effect("of another pod is refused", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const error = yield* Effect.flip(driver.publish({ ...web, target: publishCall("other").target }))
      expect(error.reason).toMatchObject({ _tag: "VolumeError", reason: "Hostile" })
      expect(error.message).toContain("uid-other")
      expect(yield* submissions).toBe(0)
      expect(yield* recorded).toEqual([])
    }).pipe(onNode("another pod"))
  )

  it.effect("belongs to one volume: another id gets no files there, and takes none away, also after a restart", () =>
    Effect.gen(function* () {
      const first = yield* published
      const before = yield* seen(web.target)
      const thief = { ...web, volumeId: "csi-thief" }
      const taken = { _tag: "VolumeError", reason: "Foreign" }
      expect((yield* Effect.flip(first.publish(thief))).reason).toMatchObject(taken)
      yield* first.stop
      const second = yield* startDriver
      expect((yield* Effect.flip(second.publish(thief))).reason).toMatchObject(taken)
      expect((yield* Effect.flip(second.unpublish(thief))).reason).toMatchObject(taken)
      expect(yield* seen(web.target)).toEqual(before)
      expect(yield* submissions).toBe(1)
      yield* second.unpublish(web)
      yield* during("1 second", second.publish(thief))
      expect(yield* recorded).toEqual(["csi-thief"])
    }).pipe(onNode("thief"))
  )

  it.effect("that two volumes want at the same moment is given to one", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const thief = { ...web, volumeId: "csi-thief" }
      const exits = yield* during(
        "1 second",
        Effect.all([Effect.exit(driver.publish(web)), Effect.exit(driver.publish(thief))], { concurrency: 2 })
      )
      expect(exits.map(({ _tag }) => _tag).sort()).toEqual(["Failure", "Success"])
      expect((yield* Effect.flatMap(VolumeRecords, (records) => records.all)).length).toBe(1)
      expect((yield* driver.status).length).toBe(1)
    }).pipe(onNode("at once"))
  )

  it.effect(
    "that looks like no kubelet's is cleared of a driver's volume only, where the kubelet's root is unknown",
    () =>
      Effect.gen(function* () {
        const driver = yield* startDriver
        const disk = yield* SimDisk
        yield* disk.plant("/srv/data", Option.some("mount"))
        yield* driver.unpublish({ volumeId: "csi-x", target: "/srv/data" })
        expect(yield* conditionOf("/srv/data")).toBe("foreign")
        yield* disk.plant("/srv/data", Option.none())
        yield* disk.inherit("/srv/data")
        yield* driver.unpublish({ volumeId: "csi-x", target: "/srv/data" })
        expect(yield* conditionOf("/srv/data")).toBe("absent")
      }).pipe(onNode("no kubelet's"))
  )
})

describe("a pause that the API server asked for", () => {
  /** The first request is refused with a Retry-After of a minute, every other one is taken. */
  const throttledOnce = Layer.effect(
    CertificateRequests,
    Effect.map(CertificateRequests, (real) => {
      let first = true
      return {
        ...real,
        submit: (draft: RequestDraft) =>
          Effect.suspend(() => {
            if (!first) return real.submit(draft)
            first = false
            const words = { action: "create CertificateRequest", detail: "too many requests" }
            return Effect.fail(new RequestError({ reason: "Throttled", ...words, retryAfterMillis: 60_000 }))
          })
      }
    })
  )

  it.effect("is cut short by a publish, and the one that waited is served with it", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const waiting = yield* Effect.forkChild(driver.publish(web))
      yield* TestClock.adjust("5 seconds")
      expect(waiting.pollUnsafe()).toBe(undefined)
      expect(yield* submissions).toBe(0)
      yield* during("1 second", driver.publish(web))
      expect(yield* conditionOf(web.target)).toBe("filled")
      yield* Fiber.join(waiting)
      expect(yield* submissions).toBe(1)
    }).pipe(Effect.provide(throttledOnce), onNode("throttled"))
  )

  it.effect("is kept where nobody publishes, and no longer", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.forkChild(Effect.exit(driver.publish(web)))
      yield* TestClock.adjust("59 seconds")
      expect(yield* submissions).toBe(0)
      yield* TestClock.adjust("3 seconds")
      expect(yield* submissions).toBe(1)
    }).pipe(Effect.provide(throttledOnce), onNode("kept"))
  )
})
