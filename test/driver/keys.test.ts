import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import { makeSimKeyGenerator } from "../../src/testing/parts/SimKeyGenerator.ts"
import { during, isServed, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

/** Keys that take as long as RSA does: a tenth of a second, and the large ones half a minute. */
const slowKeys = Layer.sync(KeyGenerator, () =>
  makeSimKeyGenerator("P-256", (key) =>
    key.algorithm === "RSA" && key.size > 2048 ? Duration.seconds(30) : Duration.millis(100)
  )
)

const wish = (pod: string, size: number, volume = "tls") => {
  const call = publishCall(pod, { "csi.cert-manager.io/key-size": `${size}` })
  return { ...call, volumeId: `${call.volumeId}-${volume}`, target: call.target.replace("/tls/", `/${volume}/`) }
}

/** A node on which one pod has begun to publish twelve volumes with the largest keys. */
const besieged = Effect.gen(function* () {
  const driver = yield* startDriver
  const calls = Array.from({ length: 12 }, (_, n) => wish("greedy", 8192, `big${n}`))
  const publishing = yield* Effect.forEach(calls, (call) => Effect.forkChild(Effect.exit(driver.publish(call))))
  yield* TestClock.adjust("1 second")
  const endSiege = Effect.forEach(calls, driver.unpublish).pipe(Effect.andThen(Fiber.awaitAll(publishing)))
  return { driver, endSiege }
})

describe("a pod that asks for many large keys", () => {
  it.effect("keeps no pod with a small one waiting", () =>
    Effect.gen(function* () {
      const { driver } = yield* besieged
      const modest = wish("modest", 2048)
      yield* during("1 second", driver.publish(modest))
      expect(yield* isServed(modest.target)).toBe(true)
    }).pipe(Effect.provide(slowKeys), onNode("small"))
  )

  it.effect("lets another pod's large key come after one of its own, not after all of them", () =>
    Effect.gen(function* () {
      const { driver } = yield* besieged
      const modest = wish("modest", 4096)
      const publishing = yield* Effect.forkChild(Effect.exit(driver.publish(modest)))
      yield* TestClock.adjust("61 seconds")
      expect(yield* isServed(modest.target)).toBe(true)
      yield* Fiber.await(publishing)
    }).pipe(Effect.provide(slowKeys), onNode("turns"))
  )

  it.effect("and deletes them leaves nothing of them to wait for", () =>
    Effect.gen(function* () {
      const { driver, endSiege } = yield* besieged
      yield* endSiege
      const modest = wish("modest", 4096)
      yield* during("31 seconds", driver.publish(modest))
      expect(yield* isServed(modest.target)).toBe(true)
    }).pipe(Effect.provide(slowKeys), onNode("deleted"))
  )
})

describe("a publish that runs out of time while its key is being made", () => {
  it.effect("says so, and how many others are before it, and blames no issuer", () =>
    Effect.gen(function* () {
      const { driver } = yield* besieged
      const modest = wish("modest", 4096)
      const late = yield* during("5 seconds", Effect.flip(driver.publish(modest)))
      expect(late.message).toBe("waited 5s for the RSA-4096 key, which is still being made: 3 others are before it")
      expect(late.reason).toMatchObject({ reason: "NotReady", temper: "waiting" })
      yield* TestClock.adjust("25 seconds")
      const later = yield* during("5 seconds", Effect.flip(driver.publish(modest)))
      expect(later.message).toMatch(
        /^waited 5s for the RSA-4096 key, which is still being made(: 1 other is before it)?$/
      )
      const status = (yield* driver.status).find(({ pod }) => pod.name === "modest")
      expect(status?.missing).toMatch(/^the RSA-4096 key, which is still being made/)
    }).pipe(Effect.provide(slowKeys), onNode("late", { publishTimeout: Duration.seconds(5) }))
  )
})
