import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Logger, Option } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { beginDriver, during, isServed, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")
const other = publishCall("other")

const submissions = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (all) => all.length))

describe("resume", () => {
  it.effect("keeps the files and the schedule", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      const before = yield* seen(web.target)
      const records = yield* VolumeRecords
      const [recorded] = yield* records.all
      yield* first.stop
      yield* TestClock.adjust("8 hours")
      yield* startDriver
      expect(yield* seen(web.target)).toEqual(before)
      expect((yield* records.all)[0]?.issued).toEqual(recorded?.issued)
      yield* TestClock.adjust("9 hours")
      expect(yield* submissions).toBe(2)
      expect(yield* seen(web.target)).not.toEqual(before)
    }).pipe(onNode("schedule"))
  )

  it.effect("picks a pending request up again: one request, one key", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const first = yield* startDriver
      yield* cluster.behave({ approval: "hold" })
      const publishing = yield* Effect.forkChild(Effect.exit(first.publish(web)))
      yield* TestClock.adjust("5 seconds")
      yield* first.stop
      yield* Fiber.interrupt(publishing)
      const second = yield* startDriver
      yield* cluster.behave({ approval: "approve" })
      yield* during("1 second", second.publish(web))
      expect(yield* submissions).toBe(1)
      expect(Option.isSome(yield* seen(web.target))).toBe(true)
    }).pipe(onNode("pending"))
  )

  it.effect("fills the volume of a pending request even if nobody publishes again", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const first = yield* startDriver
      yield* cluster.behave({ issuer: "hold" })
      const publishing = yield* Effect.forkChild(Effect.exit(first.publish(web)))
      yield* TestClock.adjust("5 seconds")
      yield* first.stop
      yield* Fiber.interrupt(publishing)
      yield* cluster.behave({ issuer: "sign" })
      yield* startDriver
      yield* TestClock.adjust("1 minute")
      expect(yield* submissions).toBe(1)
      expect(yield* isServed(web.target)).toBe(true)
    }).pipe(onNode("nobody"))
  )

  it.effect("writes nothing where the mount is gone, and heals at the next publish", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      yield* first.stop
      yield* Effect.flatMap(SimDisk, (disk) => disk.clean(web.target))
      const second = yield* startDriver
      yield* TestClock.adjust("30 days")
      expect(yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(web.target))).toBe("absent")
      expect(yield* submissions).toBe(1)
      yield* during("1 second", second.publish(web))
      expect(yield* isServed(web.target)).toBe(true)
    }).pipe(onNode("reboot"))
  )

  it.effect("renews at once, spread over half a minute, what came due meanwhile", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      const pods = Array.from({ length: 50 }, (_, i) => publishCall(`pod-${i}`))
      yield* during("1 second", Effect.forEach(pods, first.publish, { concurrency: 50, discard: true }))
      yield* first.stop
      yield* TestClock.adjust("20 hours")
      yield* startDriver
      yield* TestClock.adjust("1 second")
      expect(yield* submissions).toBeLessThan(60)
      yield* TestClock.adjust("30 seconds")
      expect(yield* submissions).toBe(100)
    }).pipe(onNode("overdue"))
  )

  it.effect("goes on when a record's spec cannot be understood, and says so", () => {
    const warnings: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(String(message))
    })
    return Effect.gen(function* () {
      const records = yield* VolumeRecords
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      yield* first.stop
      const [good] = yield* records.all
      if (good === undefined) return expect.unreachable()
      yield* records.save({ ...good, volumeId: "csi-bad", target: "/elsewhere", context: {} })
      const second = yield* startDriver
      yield* TestClock.adjust("17 hours")
      expect(yield* submissions).toBe(2)
      expect(warnings).toEqual([
        expect.stringMatching(/^not resumed; the next publish restores it: csi.storage.k8s.io\/ephemeral: must be true/)
      ])
      yield* second.unpublish({ volumeId: "csi-bad", target: "/elsewhere" })
      expect((yield* records.all).map((record) => record.volumeId)).toEqual(["csi-web"])
    }).pipe(onNode("damaged"), Effect.provide(Logger.layer([logger])))
  })

  it.effect("unpublishes a volume of the process before", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      yield* first.stop
      const second = yield* startDriver
      yield* second.unpublish(web)
      expect(yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(web.target))).toBe("absent")
      yield* TestClock.adjust("30 days")
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("handover"))
  )

  it.effect("forgets a volume whose pod another driver has ended meanwhile, and no other", () =>
    Effect.gen(function* () {
      const records = yield* VolumeRecords
      const first = yield* startDriver
      for (const pod of [web, other]) yield* during("1 second", first.publish(pod))
      yield* first.stop
      yield* Effect.flatMap(SimDisk, (disk) => disk.clear(web.target))
      yield* startDriver
      expect((yield* records.all).map(({ volumeId }) => volumeId)).toEqual([other.volumeId])
      yield* TestClock.adjust("30 days")
      expect(Option.isSome(yield* seen(other.target))).toBe(true)
      expect(Option.isNone(yield* seen(web.target))).toBe(true)
    }).pipe(onNode("ended elsewhere"))
  )

  it.effect("lets a call wait for its own volume and for no other", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      for (const pod of [other, web]) yield* during("1 second", first.publish(pod))
      yield* first.stop
      const fs = yield* VolumeFS
      const shown = yield* Deferred.make<void>()
      const slow = VolumeFS.of({
        ...fs,
        inspect: (target) =>
          Effect.andThen(target === other.target ? Deferred.await(shown) : Effect.void, fs.inspect(target))
      })
      const second = yield* Effect.provideService(beginDriver, VolumeFS, slow)
      const begun = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(Effect.isSuccess(call))
      const calls = [
        yield* begun(second.publish(other)),
        yield* begun(second.unpublish({ volumeId: "csi-unknown", target: other.target })),
        yield* begun(second.inspect(other.volumeId, Option.none())),
        yield* begun(second.renewNow(other.volumeId, Duration.seconds(1))),
        yield* begun(second.status),
        yield* begun(second.metrics)
      ]
      yield* during("1 second", second.publish(web))
      yield* during("1 second", second.unpublish(web))
      expect(calls.map((call) => call.pollUnsafe())).toEqual(calls.map(() => undefined))
      yield* Deferred.succeed(shown, undefined)
      yield* TestClock.adjust("1 second")
      const succeeded = yield* Effect.forEach(calls, Fiber.join)
      // The place belongs to the volume that was resumed, whoever else names it.
      expect(succeeded).toEqual([true, false, true, true, true, true])
      expect((yield* second.status).map(({ volumeId }) => volumeId)).toEqual([other.volumeId])
    }).pipe(onNode("meanwhile"))
  )

  it.effect("takes a volume up also if the call that came for it has gone", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(web))
      yield* first.stop
      const fs = yield* VolumeFS
      const slow = VolumeFS.of({ ...fs, inspect: (target) => Effect.delay(fs.inspect(target), "10 seconds") })
      const second = yield* Effect.provideService(beginDriver, VolumeFS, slow)
      const call = yield* Effect.forkChild(second.publish(web))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("17 hours")
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("gone caller"))
  )

  const hindrances = [
    {
      what: "a stranger's mount was in the way",
      begin: Effect.flatMap(SimDisk, ({ plant }) => plant(web.target, Option.some("mount"))),
      end: Effect.flatMap(SimDisk, ({ plant }) => plant(web.target, Option.none()))
    },
    {
      what: "the disk failed",
      begin: Effect.flatMap(SimDisk, ({ fail }) => fail),
      end: Effect.flatMap(SimDisk, ({ heal }) => heal)
    }
  ]

  /** A certlet that started while the volume of the one before could not be looked at. */
  const startedBlind = Effect.fnUntraced(function* (begin: Effect.Effect<void, never, SimDisk>) {
    const first = yield* startDriver
    yield* during("1 second", first.publish(web))
    yield* first.stop
    yield* begin
    const second = yield* startDriver
    yield* TestClock.adjust("1 minute")
    return second
  })

  // Found by seed 400355: the volume was well again, and nobody renewed it any more.
  it.effect.each(hindrances)(
    "renews a volume that could not be looked at, because $what, from its next publish on",
    ({ begin, end }) =>
      Effect.gen(function* () {
        const driver = yield* startedBlind(begin)
        yield* end
        yield* during("0 seconds", driver.publish(web))
        expect(yield* submissions).toBe(1)
        yield* TestClock.adjust("17 hours")
        expect(yield* submissions).toBe(2)
      }).pipe(onNode("not looked at"))
  )

  it.effect.each(hindrances)(
    "and without a publish, where the kubelet sends no more of them: $what",
    ({ begin, end }) =>
      Effect.gen(function* () {
        yield* startedBlind(begin)
        yield* end
        yield* TestClock.adjust("1 minute")
        expect(yield* submissions).toBe(1)
        yield* TestClock.adjust("17 hours")
        expect(yield* submissions).toBe(2)
        expect(yield* isServed(web.target)).toBe(true)
      }).pipe(onNode("nobody calls"))
  )

  it.effect("leaves a volume alone that went before it could be looked at", () =>
    Effect.gen(function* () {
      const { begin, end } = hindrances[1] ?? expect.unreachable()
      const driver = yield* startedBlind(begin)
      yield* end
      yield* during("0 seconds", driver.unpublish(web))
      yield* TestClock.adjust("1 day")
      expect(yield* submissions).toBe(1)
      expect(yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(web.target))).toBe("absent")
      expect(yield* Effect.flatMap(VolumeRecords, (records) => records.all)).toEqual([])
    }).pipe(onNode("gone"))
  )
})
