import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimPodRegistry } from "../../src/testing/parts/SimPodRegistry.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")
const pod = { namespace: "apps", name: "web", uid: "uid-web" }
const other = { namespace: "apps", name: "other", uid: "uid-other" }

const left = Effect.gen(function* () {
  const volumes = yield* Effect.flatMap(SimDisk, ({ volumes }) => volumes)
  const texts = yield* Effect.flatMap(SimRecordDisk, ({ texts }) => texts)
  return { mounts: volumes.length, records: texts.size }
})
const nothing = { mounts: 0, records: 0 }
const everything = { mounts: 1, records: 1 }

/** A pod that is served, on a node with another one that is not certlet's business. */
const served = Effect.gen(function* () {
  const { set } = yield* SimPodRegistry
  yield* set(pod, {})
  yield* set(other, {})
  const driver = yield* startDriver
  yield* during("1 second", driver.publish(web))
  return driver
})

const podGoes = Effect.flatMap(SimPodRegistry, ({ remove }) => remove(pod))

describe("a volume that the kubelet is silent about", () => {
  it.effect("goes when its pod has been gone for two looks, and no certificate is requested for it any more", () =>
    Effect.gen(function* () {
      yield* served
      yield* podGoes
      yield* TestClock.adjust("119 minutes")
      expect(yield* left).toEqual(everything)
      yield* TestClock.adjust("2 minutes")
      expect(yield* left).toEqual(nothing)
      const { submitted } = yield* SimControlPlane
      const before = (yield* submitted).length
      yield* TestClock.adjust("2 days")
      expect((yield* submitted).length).toBe(before)
    }).pipe(onNode("orphan"))
  )

  it.effect("goes after a restart too", () =>
    Effect.gen(function* () {
      const { stop } = yield* served
      yield* stop
      yield* podGoes
      yield* startDriver
      yield* TestClock.adjust("121 minutes")
      expect(yield* left).toEqual(nothing)
    }).pipe(onNode("orphan, resumed"))
  )

  it.effect("stays while its pod is there", () =>
    Effect.gen(function* () {
      yield* served
      yield* TestClock.adjust("12 hours")
      expect(yield* left).toEqual(everything)
    }).pipe(onNode("silent kubelet"))
  )

  it.effect("stays where its pod is a static one, which the API server knows by another uid", () =>
    Effect.gen(function* () {
      yield* served
      const { set } = yield* SimPodRegistry
      yield* podGoes
      yield* set({ ...pod, uid: "uid-mirror" }, { annotations: { "kubernetes.io/config.mirror": "uid-web" } })
      yield* TestClock.adjust("12 hours")
      expect(yield* left).toEqual(everything)
    }).pipe(onNode("static pod"))
  )

  it.effect("goes where another pod has its pod's name", () =>
    Effect.gen(function* () {
      yield* served
      const { set } = yield* SimPodRegistry
      yield* podGoes
      yield* set({ ...pod, uid: "uid-new" }, {})
      yield* TestClock.adjust("121 minutes")
      expect(yield* left).toEqual(nothing)
    }).pipe(onNode("another pod"))
  )

  it.effect("stays as long as the API server does not say that its pod is gone", () =>
    Effect.gen(function* () {
      yield* served
      const { behave } = yield* SimControlPlane
      yield* podGoes
      yield* TestClock.adjust("61 minutes")
      yield* behave({ api: "Unavailable" })
      yield* TestClock.adjust("2 hours")
      expect(yield* left).toEqual(everything)
      yield* behave({ api: "Forbidden" })
      yield* TestClock.adjust("2 hours")
      expect(yield* left).toEqual(everything)
      // What was seen before the outage does not count: two looks in a row do.
      yield* behave({ api: "up" })
      yield* TestClock.adjust("1 hour")
      expect(yield* left).toEqual(everything)
      yield* TestClock.adjust("1 hour")
      expect(yield* left).toEqual(nothing)
    }).pipe(onNode("no answer"))
  )

  it.effect("stays where the API server shows no pod at all on this node: the node's name may be wrong", () =>
    Effect.gen(function* () {
      yield* served
      const { remove } = yield* SimPodRegistry
      yield* podGoes
      yield* remove(other)
      yield* TestClock.adjust("12 hours")
      expect(yield* left).toEqual(everything)
    }).pipe(onNode("empty list"))
  )

  it.effect("is not looked up while the kubelet calls", () =>
    Effect.gen(function* () {
      const driver = yield* served
      yield* podGoes
      for (let i = 0; i < 12; i++) {
        yield* TestClock.adjust("30 minutes")
        yield* during("1 second", driver.publish(web))
      }
      expect(yield* left).toEqual(everything)
    }).pipe(onNode("calling kubelet"))
  )
})
