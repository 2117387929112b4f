import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { statusOf } from "../src/csi/Status.ts"
import { PodEvents } from "../src/kube/PodEvents.ts"
import { Pods } from "../src/kube/Pods.ts"
import { SimControlPlane } from "../src/testing/parts/SimControlPlane.ts"
import { SimPodRegistry } from "../src/testing/parts/SimPodRegistry.ts"
import { SimDisk } from "../src/testing/parts/SimVolumeFS.ts"
import { SimRecordDisk } from "../src/testing/parts/SimVolumeRecords.ts"
import { VolumeFS } from "../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../src/volume/VolumeRecord.ts"
import { changed, during, isServed, onNode, publishCall, startDriver } from "./kit/SimulatedNode.ts"

const web = publishCall("web")
const pod = { namespace: "apps", name: "web", uid: "uid-web" }

const left = Effect.gen(function* () {
  const volumes = yield* Effect.flatMap(SimDisk, ({ volumes }) => volumes)
  const texts = yield* Effect.flatMap(SimRecordDisk, ({ texts }) => texts)
  return volumes.length + texts.size
})

/** Something that dies of a defect the next time, once it is armed. */
const trap = () => {
  let isArmed = false
  return {
    arm: () => (isArmed = true),
    within: <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.suspend(() => {
        if (!isArmed) return call
        isArmed = false
        return Effect.die(new Error("cannot be"))
      })
  }
}
type Trap = ReturnType<typeof trap>

const onDisk = (call: "inspect" | "mount" | "sweep") => (trap: Trap) =>
  changed(VolumeFS, (fs) =>
    call === "mount"
      ? { mount: (place) => trap.within(fs.mount(place)) }
      : { [call]: (target: string) => trap.within<unknown, unknown, never>(fs[call](target)) }
  )
const onRecords = ({ within }: Trap) =>
  changed(VolumeRecords, (records) => ({ save: (record) => within(records.save(record)) }))

/** A first publish whose trap snaps, and the one after it. */
const publishedTwice = (defect: Trap) =>
  Effect.gen(function* () {
    const driver = yield* startDriver
    defect.arm()
    const error = yield* Effect.flip(during("1 second", driver.publish(web)))
    expect([error.reason._tag, statusOf(error).code, yield* left]).toEqual(["Defect", "INTERNAL", 0])
    yield* during("1 second", driver.publish(web))
    expect(yield* isServed(web.target)).toBe(true)
  })

describe("a publish that meets a defect", () => {
  it.effect.each(["inspect", "mount"] as const)(
    "in the disk's %s is answered for good only where nothing is left, and the next one succeeds",
    (call) => {
      const defect = trap()
      return publishedTwice(defect).pipe(Effect.provide(onDisk(call)(defect)), onNode("disk"))
    }
  )

  it.effect("while its record is saved leaves nothing, and the next one succeeds", () => {
    const defect = trap()
    return publishedTwice(defect).pipe(Effect.provide(onRecords(defect)), onNode("record"))
  })

  it.effect("of a volume that certlet tends tells the kubelet to call again", () => {
    const defect = trap()
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      defect.arm()
      const error = yield* Effect.flip(during("1 second", driver.publish(web)))
      expect([error.reason._tag, statusOf(error).code]).toEqual(["Defect", "UNAVAILABLE"])
      yield* during("1 second", driver.publish(web))
      expect(yield* isServed(web.target)).toBe(true)
    }).pipe(Effect.provide(onDisk("inspect")(defect)), onNode("republish"))
  })

  it.effect("tells the kubelet to call again where nobody can see what is left", () => {
    const isBroken = { now: false }
    const blind = changed(VolumeFS, (fs) => ({
      inspect: (target) => (isBroken.now ? Effect.die(new Error("cannot be")) : fs.inspect(target))
    }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      isBroken.now = true
      const error = yield* Effect.flip(during("1 second", driver.publish(web)))
      expect([error.reason._tag, statusOf(error).code]).toEqual(["Defect", "UNAVAILABLE"])
    }).pipe(Effect.provide(blind), onNode("blind"))
  })
})

describe("what certlet does in the background", () => {
  it.effect("looks for orphans again after a defect", () => {
    const defect = trap()
    const layer = Layer.effect(
      Pods,
      Effect.map(Pods, (pods) => ({ ...pods, present: defect.within(pods.present) }))
    )
    return Effect.gen(function* () {
      const { remove, set } = yield* SimPodRegistry
      yield* set(pod, {})
      yield* set({ namespace: "apps", name: "other", uid: "uid-other" }, {})
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      yield* remove(pod)
      defect.arm()
      yield* TestClock.adjust("185 minutes")
      expect(yield* left).toBe(0)
    }).pipe(Effect.provide(layer), onNode("orphans"))
  })

  it.effect("renews a volume whose failure could not be told because of a defect", () => {
    const defect = trap()
    const layer = changed(PodEvents, (events) => ({ tell: (event) => defect.within(events.tell(event)) }))
    return Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const driver = yield* startDriver
      yield* cluster.behave({ approval: { deny: "by policy" } })
      defect.arm()
      yield* Effect.forkChild(Effect.exit(driver.publish(web)))
      yield* TestClock.adjust("5 seconds")
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("10 minutes")
      yield* during("1 second", driver.publish(web))
      expect(yield* isServed(web.target)).toBe(true)
    }).pipe(Effect.provide(layer), onNode("untold"))
  })

  it.effect("takes a volume up again that it could not because of a defect, and renews it", () => {
    const defect = trap()
    return Effect.gen(function* () {
      const { publish, stop } = yield* startDriver
      yield* during("1 second", publish(web))
      yield* stop
      defect.arm()
      yield* startDriver
      yield* TestClock.adjust("20 hours")
      expect(yield* isServed(web.target)).toBe(true)
      const { submitted } = yield* SimControlPlane
      expect((yield* submitted).length).toBe(2)
    }).pipe(Effect.provide(onDisk("sweep")(defect)), onNode("resumed"))
  })
})
