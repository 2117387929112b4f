import { generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { KeyGenerator, type WantedKey } from "../../src/issuance/KeyGenerator.ts"
import { authorities } from "../../src/testing/contract/authorities.ts"
import { SimBundleShelf } from "../../src/testing/parts/SimBundleShelf.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { makeSimKeyGenerator } from "../../src/testing/parts/SimKeyGenerator.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import type { FileSet } from "../../src/volume/FileSet.ts"
import { VolumeError, VolumeFS, type VolumePlace } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { changed, during, isServed, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

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

type Bytes = Redacted.Redacted<Uint8Array>

const isWiped = (bytes: Bytes) => Redacted.value(bytes).length > 0 && Redacted.value(bytes).every((one) => one === 0)

describe("a key that is to be used again", () => {
  it.effect("and that cannot be used is overwritten and replaced by a new one, and the pod is served", () => {
    const restored: Array<Bytes> = []
    const watching = changed(KeyGenerator, (keys) => ({
      restore: (pkcs8, parameters) =>
        Effect.andThen(
          Effect.sync(() => restored.push(pkcs8)),
          keys.restore(pkcs8, parameters)
        )
    }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const fs = yield* VolumeFS
      const web = publishCall("web", { "csi.cert-manager.io/reuse-private-key": "true" })
      yield* during("1 second", driver.publish(web))
      const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
      const other = String(privateKey.export({ type: "pkcs8", format: "pem" }))
      const files = Object.entries(Option.getOrThrow(yield* seen(web.target))).map(([name, text]) => ({
        name,
        content: Redacted.make(new TextEncoder().encode(name === "tls.key" ? other : text)),
        mode: 0o440
      }))
      yield* fs.write({ target: web.target, mountFlags: [], group: Option.none() }, files)
      const { state } = yield* during("10 seconds", driver.renewNow(web.volumeId, Duration.seconds(5)))
      expect(state).toBe("Ready")
      expect(Option.getOrThrow(yield* seen(web.target))["tls.key"]).not.toBe(other)
      expect(yield* isServed(web.target)).toBe(true)
      expect(restored.map(isWiped)).toEqual([true])
    }).pipe(Effect.provide(watching), onNode("another key"))
  })
})

describe("a key's bytes", () => {
  /** Keeps what the driver holds of keys and files; one write fails, counted from 1. */
  const watchful = (keys: Array<Bytes>, contents: Array<Bytes>, failing: number) => {
    let writes = 0
    return Layer.mergeAll(
      Layer.effect(
        KeyGenerator,
        Effect.map(KeyGenerator, (real) => ({
          ...real,
          generate: (wanted: WantedKey) =>
            Effect.tap(real.generate(wanted), ({ pkcs8 }) => Effect.sync(() => keys.push(pkcs8)))
        }))
      ),
      Layer.effect(
        VolumeFS,
        Effect.map(VolumeFS, (real) => ({
          ...real,
          write: Effect.fnUntraced(function* (place: VolumePlace, files: FileSet) {
            contents.push(...files.map(({ content }) => content))
            if (++writes === failing) {
              return yield* new VolumeError({ reason: "Io", action: "write", path: place.target, detail: "EIO" })
            }
            yield* real.write(place, files)
          })
        }))
      )
    )
  }

  it.effect("are overwritten once the files are written, and what the pod sees is whole", () => {
    const [keys, contents]: [Array<Bytes>, Array<Bytes>] = [[], []]
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const web = publishCall("web", {
        "csi.cert-manager.io/combined-file": "all.pem",
        "csi.cert-manager.io/reuse-private-key": "true"
      })
      yield* during("1 second", driver.publish(web))
      yield* TestClock.adjust("1 day")
      expect(yield* isServed(web.target)).toBe(true)
      const files = Option.getOrThrow(yield* seen(web.target))
      expect(files["all.pem"]).toContain(files["tls.key"])
      expect(files["tls.key"]).toMatch(/^-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{32}/)
      expect([keys.length, contents.length]).toEqual([1, 8])
      expect([...keys, ...contents].filter((bytes) => !isWiped(bytes))).toEqual([])
    }).pipe(Effect.provide(watchful(keys, contents, 0)), onNode("wiped"))
  })

  it.effect("are overwritten once what a volume holds has been read, also where nothing can be written of it", () => {
    const reads: Array<Bytes> = []
    let isFull = false
    const watching = changed(VolumeFS, (fs) => ({
      read: (target) =>
        Effect.tap(fs.read(target), (held) =>
          Effect.sync(() => reads.push(...Option.match(held, { onNone: () => [], onSome: (files) => files.values() })))
        ),
      write: ({ target: path, ...place }, files) =>
        isFull
          ? Effect.fail(new VolumeError({ reason: "Full", action: "write", path, detail: "ENOSPC" }))
          : fs.write({ target: path, ...place }, files)
    }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const shelf = yield* SimBundleShelf
      const bundle = { kind: "ConfigMap", namespace: "apps", name: "corp-ca", key: "ca.crt" } as const
      yield* shelf.write(bundle, authorities[0])
      const web = publishCall("web", {
        "csi.cert-manager.io/trust-bundle": "ConfigMap/corp-ca",
        "csi.cert-manager.io/pkcs12-enable": "true",
        "csi.cert-manager.io/pkcs12-filename": "web.p12",
        "csi.cert-manager.io/pkcs12-password": "changeit",
        "csi.cert-manager.io/reuse-private-key": "true"
      })
      yield* during("1 second", driver.publish(web))
      const first = reads.length
      isFull = true
      yield* shelf.write(bundle, authorities[1])
      yield* TestClock.adjust("1 second")
      expect(reads.length).toBeGreaterThan(first)
      isFull = false
      yield* TestClock.adjust("1 day")
      // What the test itself reads in the end is not meant.
      expect(reads.filter((bytes) => !isWiped(bytes))).toEqual([])
      expect(Option.getOrThrow(yield* seen(web.target))["ca.crt"]).toBe(authorities[1])
    }).pipe(Effect.provide(watching), onNode("read"))
  })

  it.effect("are kept while a write may have to be tried again", () => {
    const [keys, contents]: [Array<Bytes>, Array<Bytes>] = [[], []]
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const web = publishCall("web")
      yield* during("1 second", driver.publish(web))
      const first = yield* seen(web.target)
      yield* Effect.forkChild(Effect.exit(driver.renewNow(web.volumeId, Duration.minutes(5))))
      yield* TestClock.adjust("1 second")
      expect(keys.map(isWiped)).toEqual([true, false])
      yield* TestClock.adjust("2 minutes")
      // The request that was pending was finished with its own key.
      expect(keys.map(isWiped)).toEqual([true, true])
      expect(yield* seen(web.target)).not.toEqual(first)
      expect(yield* isServed(web.target)).toBe(true)
      expect(contents.filter((bytes) => !isWiped(bytes))).toEqual([])
    }).pipe(Effect.provide(watchful(keys, contents, 2)), onNode("kept"))
  })

  const useless = [
    ["a refusal", { approval: { deny: "by policy" } }, Effect.void],
    ["an unpublish", { approval: "hold" }, Effect.void],
    ["a disk that takes no record", {}, Effect.flatMap(SimRecordDisk, ({ fail }) => fail)]
  ] as const

  it.effect.each(useless)("are overwritten when nobody needs their certificate any more: %s", ([name, ways, fault]) => {
    const [keys, contents]: [Array<Bytes>, Array<Bytes>] = [[], []]
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      const web = publishCall("web")
      yield* during("1 second", driver.publish(web))
      yield* cluster.behave(ways)
      yield* fault
      yield* Effect.forkChild(Effect.exit(driver.renewNow(web.volumeId, Duration.minutes(5))))
      yield* TestClock.adjust("1 second")
      expect(keys.length).toBe(2)
      if (name === "an unpublish") yield* driver.unpublish(web)
      expect(keys.map(isWiped)).toEqual([true, true])
    }).pipe(Effect.provide(watchful(keys, contents, 0)), onNode(name))
  })

  it.effect("are overwritten where a defect keeps the record from going", () => {
    const [keys, contents]: [Array<Bytes>, Array<Bytes>] = [[], []]
    const defective = changed(VolumeRecords, () => ({ remove: () => Effect.die(new Error("cannot be")) }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, ({ behave }) => behave({ approval: "hold" }))
      const web = publishCall("web")
      yield* Effect.forkChild(Effect.exit(driver.publish(web)))
      yield* TestClock.adjust("1 second")
      expect(keys.map(isWiped)).toEqual([false])
      yield* Effect.exit(driver.unpublish(web))
      expect(keys.map(isWiped)).toEqual([true])
    }).pipe(Effect.provide(Layer.merge(watchful(keys, contents, 0), defective)), onNode("defective"))
  })
})
