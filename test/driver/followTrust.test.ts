import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { writePem } from "../../src/pki/Pem.ts"
import { authorities } from "../../src/testing/contract/authorities.ts"
import { SimBundleShelf } from "../../src/testing/parts/SimBundleShelf.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { changed, countWrites, during, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const bundle = { kind: "ConfigMap", namespace: "apps", name: "corp-ca", key: "ca.crt" } as const
const [old, next] = authorities
const both = `${old}${next}`
const strange = writePem("CERTIFICATE", new TextEncoder().encode("no certificate"))

const request = publishCall("web", {
  "csi.cert-manager.io/trust-bundle": "ConfigMap/corp-ca",
  "csi.cert-manager.io/key-algorithm": "ECDSA"
})
const files = Effect.map(seen(request.target), Option.getOrThrow)
const asked = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (drafts) => drafts.length))

/** The driver of a node with a volume that holds the old bundle, and the shelf on which that lies. */
const trusting = Effect.gen(function* () {
  const driver = yield* startDriver
  const shelf = yield* SimBundleShelf
  yield* shelf.write(bundle, old)
  yield* during("1 second", driver.publish(request))
  return { driver, shelf }
})

describe("a volume with a trust bundle", () => {
  it.effect("holds the bundle instead of the issuer's CA", () =>
    Effect.gen(function* () {
      yield* trusting
      expect((yield* files)["ca.crt"]).toBe(old)
    }).pipe(onNode("bundle"))
  )

  it.effect("follows a rotation by a swap of the same key and certificate", () =>
    Effect.gen(function* () {
      const { shelf } = yield* trusting
      const before = yield* files
      for (const ca of [both, next]) {
        yield* shelf.write(bundle, ca)
        yield* TestClock.adjust(0)
        expect(yield* files).toEqual({ ...before, "ca.crt": ca })
      }
      expect(yield* asked).toBe(1)
    }).pipe(onNode("rotation"))
  )

  it.effect("tries a rotation again that met a defect, and goes on renewing", () => {
    let isBroken = false
    const breaking = changed(VolumeFS, (fs) => ({
      write: (place, files) => (isBroken ? Effect.die(new Error("cannot be")) : fs.write(place, files))
    }))
    return Effect.gen(function* () {
      const { shelf } = yield* trusting
      isBroken = true
      yield* shelf.write(bundle, next)
      yield* TestClock.adjust("1 second")
      expect((yield* files)["ca.crt"]).toBe(old)
      isBroken = false
      yield* TestClock.adjust("1 hour")
      expect((yield* files)["ca.crt"]).toBe(next)
      yield* TestClock.adjust("1 day")
      expect(yield* asked).toBeGreaterThan(1)
    }).pipe(Effect.provide(breaking), onNode("defect in a rotation"))
  })

  it.effect("is not written again where a renewal has brought the bundle meanwhile", () => {
    const writes = countWrites()
    return Effect.gen(function* () {
      const { shelf } = yield* trusting
      const disk = yield* SimDisk
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      yield* TestClock.adjust("17 hours")
      yield* disk.fill
      yield* shelf.write(bundle, next)
      // The pauses between its tries have grown by then, so that the renewal comes first.
      yield* TestClock.adjust("1 minute")
      expect((yield* files)["ca.crt"]).toBe(old)
      yield* disk.free
      const failed = writes.count
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("0.1 seconds")
      expect([(yield* files)["ca.crt"], writes.count - failed]).toEqual([next, 1])
      yield* TestClock.adjust("1 hour")
      expect(writes.count - failed).toBe(1)
    }).pipe(Effect.provide(writes.layer), onNode("brought by a renewal"))
  })

  it.effect("waits for a bundle that is not there, asks nobody meanwhile, and says what is wrong with it", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const shelf = yield* SimBundleShelf
      const absent = yield* Effect.flip(during("2 minutes", driver.publish(request)))
      expect(absent.message).toBe("waited 1m for ConfigMap apps/corp-ca, key ca.crt, which is not there")
      yield* shelf.write(bundle, undefined)
      const keyless = yield* Effect.flip(during("2 minutes", driver.publish(request)))
      expect(keyless.message).toContain("which has no key ca.crt")
      yield* shelf.write(bundle, `${old}${strange}`)
      const strangeBlock = yield* Effect.flip(during("2 minutes", driver.publish(request)))
      expect(strangeBlock.message).toContain("which has a PEM block that is no certificate (number 2)")
      yield* shelf.write(bundle, "-----BEGIN CERTIFICATE-----")
      const damaged = yield* Effect.flip(during("2 minutes", driver.publish(request)))
      expect(damaged.message).toContain("which has a PEM block that is damaged (number 1)")
      expect(yield* asked).toBe(0)
      yield* shelf.write(bundle, old)
      yield* during("1 second", driver.publish(request))
      expect((yield* files)["ca.crt"]).toBe(old)
    }).pipe(onNode("absent"))
  )

  it.effect("keeps what it has when the bundle is damaged or deleted, also across a renewal and a restart", () =>
    Effect.gen(function* () {
      const { driver: first, shelf } = yield* trusting
      const before = yield* files
      yield* shelf.write(bundle, "nothing")
      yield* shelf.remove(bundle)
      yield* TestClock.adjust("20 hours")
      const renewed = yield* files
      expect([renewed["ca.crt"], renewed["tls.crt"] === before["tls.crt"]]).toEqual([old, false])
      yield* first.stop
      yield* startDriver
      yield* TestClock.adjust("20 hours")
      expect((yield* files)["ca.crt"]).toBe(old)
    }).pipe(onNode("deleted"))
  )

  it.effect("keeps what it has when one block cannot be read, and an Event says which block it is", () =>
    Effect.gen(function* () {
      const { shelf } = yield* trusting
      const before = yield* files
      yield* shelf.write(bundle, `${old}${strange}${next}`)
      yield* TestClock.adjust("1 minute")
      expect(yield* files).toEqual(before)
      const told = Effect.map(
        Effect.flatMap(SimEvents, ({ present }) => present),
        (all) => all.map(({ count, event: { note, reason } }) => `${reason} x${count}: ${note}`)
      )
      expect(yield* told).toEqual([
        "TrustBundleDamaged x1: ConfigMap apps/corp-ca, key ca.crt has a PEM block that is no certificate (number 2); " +
          "the volume keeps the CA certificates that it has, and follows the bundle again once it is corrected"
      ])
      yield* shelf.write(bundle, next)
      yield* TestClock.adjust("1 second")
      expect((yield* files)["ca.crt"]).toBe(next)
      yield* shelf.write(bundle, strange)
      yield* TestClock.adjust("1 minute")
      expect(yield* told).toEqual([expect.stringContaining("TrustBundleDamaged x2: ")])
    }).pipe(onNode("one block"))
  )

  it.effect("takes a rotation that came while certlet was not running", () =>
    Effect.gen(function* () {
      const { driver: first, shelf } = yield* trusting
      const before = yield* files
      yield* first.stop
      yield* shelf.write(bundle, next)
      yield* startDriver
      yield* TestClock.adjust(0)
      expect(yield* files).toEqual({ ...before, "ca.crt": next })
    }).pipe(onNode("while away"))
  )

  it.effect("takes a rotation that comes while a renewal is under way, and one that the disk refuses at first", () =>
    Effect.gen(function* () {
      const { shelf } = yield* trusting
      const cluster = yield* SimControlPlane
      const disk = yield* SimDisk
      const before = yield* files
      yield* cluster.behave({ approval: "hold" })
      yield* TestClock.adjust("17 hours")
      yield* disk.fill
      yield* shelf.write(bundle, both)
      yield* TestClock.adjust("1 minute")
      expect(yield* files).toEqual(before)
      yield* disk.free
      yield* TestClock.adjust("1 minute")
      expect(yield* files).toEqual({ ...before, "ca.crt": both })
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 minute")
      const renewed = yield* files
      expect([renewed["ca.crt"], renewed["tls.crt"] === before["tls.crt"]]).toEqual([both, false])
    }).pipe(onNode("disk"))
  )

  it.effect("leaves nobody waiting for its bundle when it goes", () =>
    Effect.gen(function* () {
      const { driver, shelf } = yield* trusting
      const fs = yield* VolumeFS
      expect(yield* shelf.watches).toBe(1)
      yield* driver.unpublish(request)
      yield* TestClock.adjust("31 seconds")
      expect(yield* shelf.watches).toBe(0)
      yield* shelf.write(bundle, next)
      yield* TestClock.adjust("1 minute")
      expect(yield* fs.inspect(request.target)).toBe("absent")
    }).pipe(onNode("unpublish"))
  )
})
