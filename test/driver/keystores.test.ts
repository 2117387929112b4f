import "reflect-metadata"
import { describe, expect, it } from "@effect/vitest"
import { X509Certificate } from "@peculiar/x509"
import { DateTime, Effect, Logger, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type { PublishCall } from "../../src/driver/DriverCalls.ts"
import { authorities } from "../../src/testing/contract/authorities.ts"
import { SimBundleShelf } from "../../src/testing/parts/SimBundleShelf.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import { VolumeError, VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { changed, during, isServed, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"
import { leafOfPkcs12 } from "../volume/openKeystore.ts"

const attributes = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`csi.cert-manager.io/${key}`, value]))

const generated = publishCall(
  "web",
  attributes({
    "pkcs12-enable": "true",
    "pkcs12-profile": "Modern2023",
    "pkcs12-password-from": "generate",
    "jks-enable": "true",
    "jks-password-from": "generate",
    "truststore-enable": "true"
  })
)
const fromSecret = (password: string): PublishCall => ({
  ...publishCall("web", attributes({ "pkcs12-enable": "true", "pkcs12-password-from": "secret:password" })),
  secrets: { password: Redacted.make(password), other: Redacted.make("nobody asked") }
})
const written = publishCall("web", attributes({ "pkcs12-enable": "true", "pkcs12-password": "hush hush" }))
const { target } = written

/** The files as they stand, by name. */
const filesSeen = Effect.gen(function* () {
  const fs = yield* VolumeFS
  const files = Option.getOrThrow(yield* fs.read(target))
  return (name: string) => Redacted.value(files.get(name) ?? Redacted.make(new Uint8Array()))
})

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** The leaf in `tls.crt`, once it is sure that the keystore under this password holds the same. */
const leafInBoth = Effect.fnUntraced(function* (password?: string) {
  const file = yield* filesSeen
  const pem = Buffer.from(new X509Certificate(textOf(file("tls.crt"))).rawData).toString("base64")
  const opened = leafOfPkcs12(file("keystore.p12"), password ?? textOf(file("keystore.p12.password")))
  expect(opened).toBe(pem)
  return pem
})

const submissions = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (all) => all.length))

describe("a volume with keystores", () => {
  it.effect("renews them in the same swap as the PEM files, under the password that it had", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(generated))
      const [password, jks] = yield* Effect.map(filesSeen, (file) => [
        textOf(file("keystore.p12.password")),
        textOf(file("keystore.jks.password"))
      ])
      expect(password).toMatch(/^[0-9a-f]{32}$/)
      expect(jks).toMatch(/^[0-9a-f]{32}$/)
      expect(jks).not.toBe(password)
      const leaves = new Set<string>()
      for (let day = 0; day < 5; day++) {
        leaves.add(yield* leafInBoth(password))
        const file = yield* filesSeen
        expect(textOf(file("keystore.p12.password"))).toBe(password)
        expect(textOf(file("keystore.jks.password"))).toBe(jks)
        expect(file("truststore.p12").length).toBeGreaterThan(0)
        yield* TestClock.adjust("1 day")
      }
      expect(leaves.size).toBe(5)
    }).pipe(onNode("swap"))
  )

  it.effect("keeps a generated password over a restart, and makes a new one where its file is lost", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(generated))
      const password = yield* Effect.map(filesSeen, (file) => textOf(file("keystore.p12.password")))
      yield* first.stop
      const second = yield* startDriver
      yield* TestClock.adjust("1 day")
      yield* leafInBoth(password)
      yield* second.stop
      yield* Effect.flatMap(SimDisk, (disk) => disk.clean(target))
      const third = yield* startDriver
      yield* during("1 second", third.publish(generated))
      yield* leafInBoth()
      expect(yield* Effect.map(filesSeen, (file) => textOf(file("keystore.p12.password")))).not.toBe(password)
    }).pipe(onNode("generated"))
  )

  it.effect.each([
    ["the Secret", fromSecret("hush hush")],
    ["an attribute", written]
  ] as const)("renews after a restart without anybody's publish, with the password of %s", ([, request]) =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(request))
      const before = yield* leafInBoth("hush hush")
      yield* first.stop
      for (let restart = 0; restart < 4; restart++) {
        const driver = yield* startDriver
        yield* TestClock.adjust("1 day")
        expect(yield* submissions).toBeGreaterThan(restart + 1)
        expect(yield* leafInBoth("hush hush")).not.toBe(before)
        yield* driver.stop
      }
    }).pipe(onNode("restart"))
  )

  it.effect("renews with its password after a crash between the new key's seal and its files", () => {
    let isStuck = false
    const sticking = changed(VolumeFS, (fs) => ({
      write: (place, files) => (isStuck ? Effect.never : fs.write(place, files))
    }))
    return Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(fromSecret("hush hush")))
      // The seal of a key that is no longer the volume's is in nobody's way.
      yield* TestClock.adjust("17 hours")
      expect(yield* submissions).toBe(2)
      const before = yield* leafInBoth("hush hush")
      isStuck = true
      yield* TestClock.adjust("17 hours")
      expect(yield* submissions).toBe(3)
      yield* first.stop
      expect(yield* leafInBoth("hush hush")).toBe(before)
      isStuck = false
      yield* startDriver
      yield* TestClock.adjust("1 minute")
      expect(yield* leafInBoth("hush hush")).not.toBe(before)
    }).pipe(Effect.provide(sticking), onNode("stuck"))
  })

  it.effect("takes a changed password after a restart where its seal was kept and its files were not written", () => {
    let isBroken = false
    const breaking = changed(VolumeFS, (fs) => ({
      write: (place, files) =>
        isBroken
          ? Effect.fail(
              new VolumeError({ reason: "Io", action: "write", path: place.target, detail: "input/output error" })
            )
          : fs.write(place, files)
    }))
    return Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(fromSecret("one")))
      isBroken = true
      yield* during("1 second", first.publish(fromSecret("two")))
      yield* first.stop
      isBroken = false
      const leaf = yield* leafInBoth("one")
      const second = yield* startDriver
      yield* during("1 second", second.publish(fromSecret("two")))
      expect(yield* leafInBoth("two")).toBe(leaf)
      // And once it is written, nobody is in doubt any more.
      const disk = yield* SimRecordDisk
      const seals = Effect.map(disk.texts, (texts) => [...texts.values()].map((text) => JSON.parse(text).sealed.length))
      expect(yield* seals).toEqual([1])
      // Whoever renews in doubt takes what the pod asked for last.
      isBroken = true
      yield* during("1 second", second.publish(fromSecret("three")))
      yield* second.stop
      isBroken = false
      yield* startDriver
      yield* TestClock.adjust("17 hours")
      expect(yield* leafInBoth("three")).not.toBe(leaf)
    }).pipe(Effect.provide(breaking), onNode("doubt"))
  })

  it.effect("tries a changed password again where a defect kept it from being written", () => {
    let isDefective = false
    const dying = changed(VolumeFS, (fs) => ({
      write: (place, files) =>
        isDefective ? Effect.die(new Error("what nobody has thought of")) : fs.write(place, files)
    }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(fromSecret("one")))
      isDefective = true
      yield* during("1 second", Effect.exit(driver.publish(fromSecret("two"))))
      isDefective = false
      yield* during("1 second", driver.publish(fromSecret("two")))
      yield* leafInBoth("two")
    }).pipe(Effect.provide(dying), onNode("defective"))
  })

  it.effect("puts a password neither into a record, nor a request, nor a log, nor an error", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ cause, message }) => lines.push(JSON.stringify([message, cause])))
      const disk = yield* SimRecordDisk
      const cluster = yield* SimControlPlane
      yield* Effect.gen(function* () {
        for (const request of [written, fromSecret("hush hush")]) {
          const driver = yield* startDriver
          yield* cluster.behave({ approval: "hold" })
          const publishing = yield* Effect.forkChild(Effect.exit(driver.publish(request)))
          yield* TestClock.adjust("2 minutes")
          lines.push(JSON.stringify([...(yield* disk.texts).values()]), String(publishing.pollUnsafe()))
          yield* cluster.behave({ approval: { deny: "by policy" } })
          lines.push(JSON.stringify(yield* Effect.exit(during("2 minutes", driver.publish(request)))))
          yield* cluster.behave({ approval: "approve" })
          yield* during("2 minutes", driver.publish(request))
          lines.push(JSON.stringify([...(yield* disk.texts).values()]))
          yield* TestClock.adjust("2 days")
          lines.push(JSON.stringify([...(yield* disk.texts).values()]))
          yield* driver.stop
        }
      }).pipe(Effect.provide(Logger.layer([logger])))
      lines.push(JSON.stringify(yield* cluster.submitted), JSON.stringify(yield* cluster.present))
      expect(lines.length).toBeGreaterThan(10)
      const all = lines.join("\n")
      for (const spelling of ["hush", Buffer.from("hush hush").toString("base64").slice(0, 8), "68757368"]) {
        expect(all).not.toContain(spelling)
      }
      expect(all).toContain("(withheld)")
      expect(all).toContain("sealed")
    }).pipe(onNode("silence"))
  )

  it.effect("follows a Secret that changes, with the certificate that it has", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(fromSecret("one")))
      const leaf = yield* leafInBoth("one")
      yield* during("1 second", driver.publish(fromSecret("two")))
      expect(yield* leafInBoth("two")).toBe(leaf)
      expect(yield* submissions).toBe(1)
      yield* driver.stop
      // Also where it changed while certlet was away.
      const second = yield* startDriver
      yield* during("1 second", second.publish(fromSecret("three")))
      expect(yield* leafInBoth("three")).toBe(leaf)
      expect(yield* submissions).toBe(1)
      // And what a restart remembers is the newest.
      yield* second.stop
      yield* startDriver
      yield* TestClock.adjust("1 day")
      expect(yield* leafInBoth("three")).not.toBe(leaf)
    }).pipe(onNode("rotation"))
  )

  it.effect("follows a trust bundle, under the password that it has, also after a restart", () =>
    Effect.gen(function* () {
      const bundle = { kind: "ConfigMap", namespace: "apps", name: "corp", key: "ca.crt" } as const
      const [old, next] = authorities
      const request: PublishCall = {
        ...fromSecret("one"),
        context: {
          ...fromSecret("one").context,
          ...attributes({
            "trust-bundle": "ConfigMap/corp",
            "truststore-enable": "true",
            "jks-enable": "true",
            "jks-password-from": "secret:password"
          })
        }
      }
      const trusted = Effect.map(filesSeen, (file) =>
        authorities.filter((ca) =>
          Buffer.from(file("truststore.jks")).includes(Buffer.from(ca.replaceAll(/-----.*-----|\s/g, ""), "base64"))
        )
      )
      const shelf = yield* SimBundleShelf
      yield* shelf.write(bundle, old)
      const first = yield* startDriver
      yield* during("1 second", first.publish(request))
      const leaf = yield* leafInBoth("one")
      expect(yield* trusted).toEqual([old])
      yield* shelf.write(bundle, old + next)
      yield* TestClock.adjust(0)
      expect(yield* trusted).toEqual([old, next])
      yield* first.stop
      yield* shelf.write(bundle, next)
      yield* startDriver
      yield* TestClock.adjust(0)
      expect(yield* trusted).toEqual([next])
      expect(yield* leafInBoth("one")).toBe(leaf)
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("bundle"))
  )

  it.effect("leaves keystores alone that are well: publishing again changes no byte", () =>
    Effect.gen(function* () {
      for (const request of [fromSecret("one"), generated]) {
        const driver = yield* startDriver
        yield* during("1 second", driver.publish(request))
        const before = Buffer.from((yield* filesSeen)("keystore.p12")).toString("hex")
        for (let minute = 0; minute < 5; minute++) yield* during("1 second", driver.publish(request))
        expect(Buffer.from((yield* filesSeen)("keystore.p12")).toString("hex")).toBe(before)
        yield* driver.unpublish(request)
        yield* driver.stop
      }
    }).pipe(onNode("calm"))
  )

  it.effect("tries again where a changed password could not be followed at once", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const disk = yield* SimDisk
      yield* during("1 second", driver.publish(fromSecret("one")))
      yield* disk.fill
      yield* during("1 second", driver.publish(fromSecret("two")))
      yield* leafInBoth("one")
      yield* disk.free
      yield* during("1 second", driver.publish(fromSecret("two")))
      yield* leafInBoth("two")
    }).pipe(onNode("full"))
  )

  it.effect("waits for its publish where the seal is lost, and asks nobody for a certificate meanwhile", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      yield* during("1 second", first.publish(fromSecret("one")))
      yield* first.stop
      const records = yield* VolumeRecords
      const [{ sealed: _, ...record } = yield* Effect.die("no record")] = yield* records.all
      yield* records.save(record)
      const second = yield* startDriver
      yield* TestClock.adjust("17 hours")
      expect(yield* submissions).toBe(1)
      yield* leafInBoth("one")
      yield* during("1 second", second.publish(fromSecret("one")))
      yield* TestClock.adjust("10 minutes")
      expect(yield* submissions).toBe(2)
      yield* leafInBoth("one")
    }).pipe(onNode("seal lost"))
  )

  it.effect("is refused where the Secret lacks the key, and nothing is left of it", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const error = yield* Effect.flip(driver.publish({ ...fromSecret(""), secrets: {} }))
      expect(error.reason).toMatchObject({ _tag: "SpecError", field: "csi.cert-manager.io/pkcs12-password-from" })
      expect(yield* submissions).toBe(0)
      expect(yield* Effect.flatMap(VolumeRecords, (records) => records.all)).toEqual([])
    }).pipe(onNode("no key"))
  )

  it.effect("is the same, byte for byte, for the same seed", () =>
    Effect.gen(function* () {
      const story = Effect.gen(function* () {
        const driver = yield* startDriver
        yield* during("1 second", driver.publish(generated))
        yield* TestClock.adjust("1 day")
        const file = yield* filesSeen
        const now = DateTime.formatIso(yield* DateTime.now)
        return [now, ...["keystore.p12", "truststore.p12"].map((name) => Buffer.from(file(name)).toString("hex"))]
      })
      const first = yield* story.pipe(onNode("seed"))
      const other = yield* story.pipe(onNode("another seed"))
      expect(first[1]).not.toBe(other[1])
      yield* TestClock.setTime(0)
      const again = yield* story.pipe(onNode("seed"))
      expect(again).toEqual(first)
    })
  )

  it.effect("costs one without keystores nothing: no chance is drawn and nothing is sealed", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(publishCall("web")))
      const [record] = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
      expect(record?.sealed).toBeUndefined()
      expect(yield* isServed(target)).toBe(true)
    }).pipe(onNode("plain"))
  )
})
