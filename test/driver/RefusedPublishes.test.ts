/**
 * A pod that is refused gets no volume, and an operator still sees it: in the status, in the gauges and in one line of
 * the log, until it is served, gone, or nobody asks for it any more.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import type { Driver } from "../../src/driver/Driver.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const broken = publishCall("web", { "csi.cert-manager.io/duration": "soon" })

const refusedPods = (driver: Driver["Service"]) =>
  Effect.map(driver.status, (volumes) =>
    volumes.filter(({ state }) => state === "Refused").map(({ pod, refused }) => [pod.name, refused ?? ""] as const)
  )

const counted = (driver: Driver["Service"]) =>
  Effect.map(driver.metrics, (text) => /^certlet_volumes\{state="Refused"\} (\d+)$/m.exec(text)?.[1])

describe("a refused publish", () => {
  it.effect("is in the status and in the gauges, with its sentence and what to do", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flip(driver.publish(broken))
      const [[pod, sentence] = ["", ""]] = yield* refusedPods(driver)
      expect(pod).toBe("web")
      expect(sentence).toContain("csi.cert-manager.io/duration: must be a duration")
      expect(yield* counted(driver)).toBe("1")
    }).pipe(onNode("refused"))
  )

  it.effect("is forgotten when the pod is served, and when it goes", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flip(driver.publish(broken))
      yield* during("1 second", driver.publish(publishCall("web")))
      expect(yield* refusedPods(driver)).toEqual([])
      const other = publishCall("other", { "csi.cert-manager.io/key-size": "5" })
      yield* Effect.flip(driver.publish(other))
      yield* driver.unpublish(other)
      expect(yield* refusedPods(driver)).toEqual([])
    }).pipe(onNode("forgotten"))
  )

  it.effect("is forgotten a quarter of an hour after the last call", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flip(driver.publish(broken))
      yield* TestClock.adjust("14 minutes")
      yield* Effect.flip(driver.publish(broken))
      yield* TestClock.adjust("14 minutes")
      expect(yield* refusedPods(driver)).toHaveLength(1)
      yield* TestClock.adjust("2 minutes")
      expect(yield* refusedPods(driver)).toEqual([])
    }).pipe(onNode("quarter"))
  )

  it.effect("is there too where an approver said no", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ approval: { deny: "by policy" } }))
      yield* Effect.flip(during("1 second", driver.publish(publishCall("web"))))
      expect((yield* refusedPods(driver)).map(([, sentence]) => sentence)).toEqual([
        expect.stringContaining("by policy")
      ])
    }).pipe(onNode("denied"))
  )

  it.effect("is one line in the log for each reason, however often the kubelet asks", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") lines.push(String(message))
    })
    return Effect.gen(function* () {
      const driver = yield* startDriver
      for (let call = 0; call < 5; call++) yield* Effect.flip(driver.publish(broken))
      expect(lines.filter((line) => line.startsWith("the publish is refused: "))).toHaveLength(1)
    }).pipe(onNode("log"), Effect.provide(Logger.layer([logger])))
  })

  it.effect("takes a bounded place: the oldest goes", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const pods = Array.from({ length: 260 }, (_, at) => `pod-${at}`)
      const soon = { "csi.cert-manager.io/duration": "soon" }
      yield* Effect.forEach(pods, (pod) => Effect.flip(driver.publish(publishCall(pod, soon))))
      const names = (yield* refusedPods(driver)).map(([pod]) => pod)
      expect(names).toHaveLength(256)
      expect(names).not.toContain("pod-0")
      expect(names).toContain("pod-259")
    }).pipe(onNode("bounded"))
  )
})
