import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { during, leafSeen, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")
const patience = Duration.minutes(1)

const published = Effect.gen(function* () {
  const driver = yield* startDriver
  yield* during("1 second", driver.publish(web))
  return { driver, cluster: yield* SimControlPlane }
})

const serial = Effect.map(leafSeen(web.target), (leaf) => leaf.serialNumber)

describe("a renewal that an operator asks for", () => {
  it.effect("comes at once, however long the certificate would have lasted, and moves the next one", () =>
    Effect.gen(function* () {
      const { driver } = yield* published
      const before = yield* serial
      yield* TestClock.adjust("1 hour")
      const status = yield* during("1 second", driver.renewNow(web.volumeId, patience))
      expect(yield* serial).not.toBe(before)
      expect(status.state).toBe("Ready")
      expect(status.certificate?.notAfter).toEqual(DateTime.makeUnsafe(25 * 3_600_000 + 1_000))
      const renewed = yield* serial
      yield* TestClock.adjust("14 hours")
      expect(yield* serial).toBe(renewed)
      yield* TestClock.adjust("4 hours")
      expect(yield* serial).not.toBe(renewed)
    }).pipe(onNode("now"))
  )

  it.effect("joins one that is running, be it an operator's or the volume's own: one request, one certificate", () =>
    Effect.gen(function* () {
      const { cluster, driver } = yield* published
      yield* cluster.behave({ approval: "hold" })
      const first = yield* Effect.forkChild(driver.renewNow(web.volumeId, patience))
      yield* TestClock.adjust("10 seconds")
      const before = yield* cluster.present
      const open = before.find(({ state }) => state._tag === "AwaitingApproval")
      const second = yield* Effect.forkChild(driver.renewNow(web.volumeId, patience))
      yield* TestClock.adjust("10 seconds")
      expect(yield* cluster.present).toEqual(before)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 second")
      const [one, other] = [yield* Fiber.join(first), yield* Fiber.join(second)]
      expect(one.certificate?.requestName).toBe(open?.name)
      expect(other.certificate?.requestName).toBe(open?.name)
      yield* cluster.behave({ approval: "hold" })
      // The certificate is due by itself, and its request is open, when the operator comes.
      yield* TestClock.adjust("18 hours")
      const own = (yield* cluster.present).map(({ name }) => name)
      expect(own).toHaveLength(2)
      const third = yield* Effect.forkChild(driver.renewNow(web.volumeId, patience))
      yield* TestClock.adjust("1 second")
      expect((yield* cluster.present).map(({ name }) => name)).toEqual(own)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 second")
      expect(own).toContain((yield* Fiber.join(third)).certificate?.requestName)
    }).pipe(onNode("joined"))
  )

  it.effect("cuts a pause short, and is told of the failure when it fails again", () =>
    Effect.gen(function* () {
      const { cluster, driver } = yield* published
      yield* cluster.behave({ approval: { deny: "by policy" } })
      yield* TestClock.adjust("17 hours")
      const [failing] = yield* driver.status
      expect(failing?.state).toBe("Failing")
      const denied = yield* during("1 second", Effect.flip(driver.renewNow(web.volumeId, patience)))
      expect(denied).toMatchObject({ _tag: "RenewError", reason: { reason: "Denied" } })
      const [again] = yield* driver.status
      expect(again?.failure?.failures).toBe((failing?.failure?.failures ?? 0) + 1)
      yield* cluster.behave({ approval: "approve" })
      const before = yield* serial
      const status = yield* during("1 second", driver.renewNow(web.volumeId, patience))
      expect(status).not.toHaveProperty("failure")
      expect(yield* serial).not.toBe(before)
    }).pipe(onNode("pause"))
  )

  it.effect("ends with the operator's patience, says what it waits for, and goes on", () =>
    Effect.gen(function* () {
      const { cluster, driver } = yield* published
      yield* cluster.behave({ approval: "hold" })
      const before = yield* serial
      const late = yield* during("61 seconds", Effect.flip(driver.renewNow(web.volumeId, patience)))
      expect(late.message).toMatch(/^CertificateRequest apps\/[0-9a-f-]+: not approved yet after 1m$/)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 second")
      expect(yield* serial).not.toBe(before)
    }).pipe(onNode("patience"))
  )

  it.effect("asks nobody where there is nothing to write to, and nothing for a volume that nobody knows", () =>
    Effect.gen(function* () {
      const { cluster, driver } = yield* published
      const requests = yield* cluster.present
      expect(yield* Effect.flip(driver.renewNow("csi-other", patience))).toMatchObject({ _tag: "Unpublished" })
      const disk = yield* SimDisk
      yield* disk.clean(web.target)
      const error = yield* during("1 second", Effect.flip(driver.renewNow(web.volumeId, patience)))
      expect(error.message).toContain("the volume is absent at its target; the next publish of the pod mounts it again")
      expect(yield* cluster.present).toEqual(requests)
    }).pipe(onNode("absent"))
  )
})
