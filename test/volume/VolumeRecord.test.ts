import { spawnSync } from "node:child_process"
import nodeFs, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { performance } from "node:perf_hooks"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Logger, Option, Redacted, Schema } from "effect"
import fc from "fast-check"
import * as NodeVolumeRecords from "../../src/volume/NodeVolumeRecords.ts"
import { VolumeRecord, VolumeRecords, volumeIdIn, withoutPending } from "../../src/volume/VolumeRecord.ts"
import { named } from "../kit/needs.ts"
import { diskFolder, memoryFolder, settings, temporaryFolder } from "./NodeScene.ts"

const plain = (volumeId: string): VolumeRecord => ({
  version: 1,
  volumeId,
  target: "/var/lib/kubelet/pods/a/volumes/kubernetes.io~csi/tls/mount",
  context: { "csi.cert-manager.io/issuer-name": "ca" },
  mountFlags: [],
  volumeMountGroup: "",
  issued: Option.none(),
  pending: Option.none()
})

const withKey = (volumeId: string, key: Uint8Array): VolumeRecord => ({
  ...plain(volumeId),
  pending: Option.some({
    requestName: "r1",
    signingRequest: "-----BEGIN CERTIFICATE REQUEST-----",
    privateKey: Redacted.make(key),
    since: DateTime.makeUnsafe("2026-11-24T00:00:00Z")
  })
})

const RecordText = Schema.fromJsonString(VolumeRecord)

const optional = <A>(model: { [K in keyof A]: fc.Arbitrary<A[K]> }) =>
  fc.option(fc.record(model), { nil: undefined }).map(Option.fromUndefinedOr)

const isRoot = process.geteuid?.() === 0

describe("a record", () => {
  it("comes back from its text as it was", () => {
    const time = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(8e12) }).map(DateTime.makeUnsafe)
    const records = fc.record({
      version: fc.constant(1 as const),
      volumeId: fc.string({ unit: "binary" }),
      target: fc.string({ unit: "binary" }),
      context: fc.dictionary(fc.string(), fc.string()),
      mountFlags: fc.array(fc.string()),
      volumeMountGroup: fc.string(),
      issued: optional({
        requestName: fc.string(),
        serialNumber: fc.string(),
        notBefore: time,
        notAfter: time,
        renewAt: time
      }),
      pending: optional({
        requestName: fc.string(),
        signingRequest: fc.string(),
        privateKey: fc.uint8Array().map((bytes) => Redacted.make(bytes)),
        since: time
      })
    })
    const keyOf = ({ pending }: VolumeRecord) => Option.map(pending, ({ privateKey }) => Redacted.value(privateKey))
    fc.assert(
      fc.property(records, (record) => {
        const text = Schema.encodeSync(RecordText)(record)
        const back = Schema.decodeUnknownSync(RecordText)(text)
        expect(withoutPending(back)).toEqual(withoutPending(record))
        expect(keyOf(back)).toEqual(keyOf(record))
      })
    )
  })

  it("says nothing in its text of what the volume does not have", () => {
    const text = Schema.encodeSync(RecordText)(plain("a"))
    expect(Object.keys(JSON.parse(text))).toEqual([
      "version",
      "volumeId",
      "target",
      "context",
      "mountFlags",
      "volumeMountGroup"
    ])
    expect(Schema.decodeUnknownSync(RecordText)(text)).toEqual(plain("a"))
  })

  it("does not show its key to a log, nor does the failure to read it", () => {
    const key = new TextEncoder().encode("the secret bytes")
    const record = withKey("a", key)
    const text = Schema.encodeSync(RecordText)(record)
    const secret = Buffer.from(key).toString("base64")
    expect(text).toContain(secret)
    expect(`${JSON.stringify(record)}${String(Option.getOrThrow(record.pending).privateKey)}`).not.toContain(secret)
    for (const damaged of [text.replace(secret, `${secret}!`), text.replace('"a"', "7"), text.slice(0, -1)]) {
      const exit = Schema.decodeUnknownExit(RecordText)(damaged)
      expect(Exit.isFailure(exit) && String(exit.cause)).not.toContain(secret)
    }
  })
})

/** Starts the live records over a folder, and gathers what they log. */
const start = (dataRoot: string) => {
  const lines: Array<string> = []
  const logger = Logger.make((entry) => void lines.push(`${entry.logLevel} ${JSON.stringify(entry.message)}`))
  const heard = Effect.provide(Logger.layer([logger]))
  const layer = Layer.fresh(NodeVolumeRecords.layer).pipe(Layer.provide(settings({ dataRoot })))
  return VolumeRecords.pipe(
    Effect.provide(layer),
    heard,
    Effect.map((records) => ({ records: { ...records, all: heard(records.all) }, lines }))
  )
}

describe("the live records", () => {
  it.live("are certlet's alone", () =>
    Effect.gen(function* () {
      const dataRoot = `${yield* temporaryFolder}/new/root`
      const { records } = yield* start(dataRoot)
      yield* records.save(withKey("a", new Uint8Array(8)))
      const [name = ""] = fs.readdirSync(`${dataRoot}/volumes`)
      expect(name).toMatch(/^[0-9a-f]{64}\.json$/)
      expect(fs.statSync(`${dataRoot}/volumes/${name}`).mode & 0o777).toBe(0o600)
      expect(fs.statSync(`${dataRoot}/volumes`).mode & 0o777).toBe(0o700)
      fs.chmodSync(`${dataRoot}/volumes`, 0o755)
      yield* start(dataRoot)
      expect(fs.statSync(`${dataRoot}/volumes`).mode & 0o777).toBe(0o700)
    })
  )

  it.live("clear away what a crash left half written", () =>
    Effect.gen(function* () {
      const dataRoot = yield* temporaryFolder
      const first = yield* start(dataRoot)
      yield* first.records.save(plain("a"))
      const [name = ""] = fs.readdirSync(`${dataRoot}/volumes`)
      fs.writeFileSync(`${dataRoot}/volumes/.${name}.tmp`, '{"version":1,"vol')
      yield* first.records.save(plain("a"))
      expect(fs.readdirSync(`${dataRoot}/volumes`)).toEqual([name])
      fs.writeFileSync(`${dataRoot}/volumes/.${name}.tmp`, '{"version":1,"vol')
      const second = yield* start(dataRoot)
      expect(fs.readdirSync(`${dataRoot}/volumes`)).toEqual([name])
      expect(yield* second.records.all).toEqual([plain("a")])
    })
  )

  it.live("are replaced whole: a reader that has the old one open still reads all of it", () =>
    Effect.gen(function* () {
      const dataRoot = yield* memoryFolder
      const { records } = yield* start(dataRoot)
      yield* records.save(plain("a"))
      const [name = ""] = fs.readdirSync(`${dataRoot}/volumes`)
      const before = fs.readFileSync(`${dataRoot}/volumes/${name}`, "utf8")
      fs.linkSync(`${dataRoot}/volumes/${name}`, `${dataRoot}/before`)
      yield* records.save(withKey("a", new Uint8Array(8)))
      expect(fs.readFileSync(`${dataRoot}/before`, "utf8")).toBe(before)
      expect(yield* records.all).toEqual([withKey("a", new Uint8Array(8))])
    })
  )

  it.live("leave nothing of a save that failed, and least of all its key", () =>
    Effect.gen(function* () {
      const dataRoot = yield* memoryFolder
      const { records } = yield* start(dataRoot)
      yield* records.save(plain("a"))
      const [name = ""] = fs.readdirSync(`${dataRoot}/volumes`)
      fs.rmSync(`${dataRoot}/volumes/${name}`)
      fs.mkdirSync(`${dataRoot}/volumes/${name}/in-the-way`, { recursive: true })
      const error = yield* Effect.flip(records.save(withKey("a", new Uint8Array(8))))
      expect(error).toMatchObject({ _tag: "RecordError", action: "save", volumeId: "a" })
      expect(fs.readdirSync(`${dataRoot}/volumes`)).toEqual([name])
    })
  )

  it("name their volume as long as its id is whole, whatever became of the rest", () => {
    expect(volumeIdIn('{"version":1,"volumeId":"csi-1","target":"/var')).toBe("csi-1")
    expect(volumeIdIn('{"volumeId":"a\\"b","volumeId":"c"')).toBe('a\\"b')
    for (const text of ["", "{}", '{"volumeId":"csi-', '{"volumeId":7}', `{"volumeId":"${"x".repeat(5000)}"`]) {
      expect(volumeIdIn(text)).toBe("unknown")
    }
  })

  it.live("set a damaged record aside, whatever it is, and name its volume", () =>
    Effect.gen(function* () {
      const dataRoot = yield* temporaryFolder
      const { lines, records } = yield* start(dataRoot)
      for (const id of ["a", "b", "c"]) yield* records.save(plain(id))
      const [one, two, three] = fs.readdirSync(`${dataRoot}/volumes`).map((name) => `${dataRoot}/volumes/${name}`)
      fs.truncateSync(one ?? "", 100)
      fs.rmSync(two ?? "")
      fs.mkdirSync(`${two}/folder`, { recursive: true })
      expect((yield* records.all).length).toBe(1)
      expect(lines.filter((line) => line.includes("set aside")).length).toBe(2)
      expect(fs.existsSync(three ?? "")).toBe(true)
      expect(fs.readdirSync(`${dataRoot}/volumes`).filter((name) => name.startsWith(".damaged-")).length).toBe(2)
      for (const id of ["a", "b", "c"]) yield* records.remove(id)
      expect(fs.readdirSync(`${dataRoot}/volumes`)).toEqual([])
    })
  )

  it.live("say once that the data root is on a disk, and write no key there", () =>
    Effect.gen(function* () {
      const inMemory = yield* start(yield* memoryFolder)
      expect(inMemory.lines).toEqual([])
      const dataRoot = yield* diskFolder
      const { lines, records } = yield* start(dataRoot)
      const key = new TextEncoder().encode("the secret bytes")
      yield* records.save(withKey("a", key))
      expect(lines.filter((line) => line.includes("is on a disk")).length).toBe(1)
      const [name = ""] = fs.readdirSync(`${dataRoot}/volumes`)
      const text = fs.readFileSync(`${dataRoot}/volumes/${name}`, "utf8")
      expect(text).toContain('"volumeId":"a"')
      expect(text).not.toContain(Buffer.from(key).toString("base64"))
      expect(yield* records.all).toEqual([plain("a")])
    })
  )

  it.live("set aside at once what can be no record, such as a FIFO, and do not wait for it", () =>
    Effect.gen(function* () {
      const dataRoot = yield* memoryFolder
      const { lines, records } = yield* start(dataRoot)
      for (const id of ["a", "b", "c", "d"]) yield* records.save(plain(id))
      const paths = fs.readdirSync(`${dataRoot}/volumes`).map((name) => `${dataRoot}/volumes/${name}`)
      const [fifo = "", link = "", huge = ""] = paths
      for (const path of [fifo, link]) fs.rmSync(path)
      spawnSync("mkfifo", [fifo])
      fs.symlinkSync("/dev/zero", link)
      fs.truncateSync(huge, 1e9)
      const found = yield* Effect.timeout(records.all, "20 seconds")
      expect(found.length).toBe(1)
      expect(lines.filter((line) => line.includes("set aside")).length).toBe(3)
      for (const path of [fifo, link, huge]) expect(fs.existsSync(path)).toBe(false)
    })
  )

  it.live(
    "read a record again that a passing failure of the disk hid, and leave one where it is that stays hidden",
    () =>
      Effect.gen(function* () {
        const dataRoot = yield* memoryFolder
        const { lines, records } = yield* start(dataRoot)
        yield* records.save(plain("a"))
        const [name = ""] = fs.readdirSync(`${dataRoot}/volumes`)
        let failures = 2
        const open = fs.openSync
        nodeFs.openSync = (...args) => {
          if (failures-- > 0) throw Object.assign(new Error("EIO: i/o error, open"), { code: "EIO" })
          return open(...args)
        }
        syncBuiltinESMExports()
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            nodeFs.openSync = open
            syncBuiltinESMExports()
          })
        )
        expect(yield* records.all).toEqual([plain("a")])
        expect(lines).toEqual([])
        failures = 1000
        expect(yield* records.all).toEqual([])
        expect(lines.join()).toContain("left where it is: EIO")
        failures = 0
        expect(fs.readdirSync(`${dataRoot}/volumes`)).toEqual([name])
        expect(yield* records.all).toEqual([plain("a")])
      })
  )

  it.live.skipIf(!isRoot)(named(isRoot, "needs root", "do not go into a folder of somebody else's"), () =>
    Effect.gen(function* () {
      const dataRoot = yield* temporaryFolder
      fs.mkdirSync(`${dataRoot}/volumes`)
      fs.chownSync(`${dataRoot}/volumes`, 65_534, 65_534)
      const { lines, records } = yield* start(dataRoot)
      expect(lines.join()).toContain("belongs to user 65534")
      const error = yield* Effect.flip(records.save(plain("a")))
      expect(error).toMatchObject({ _tag: "RecordError", reason: "Io", volumeId: "a" })
      expect(fs.readdirSync(`${dataRoot}/volumes`)).toEqual([])
    })
  )

  it.live("are read quickly, a thousand of them", () =>
    Effect.gen(function* () {
      const { records } = yield* start(yield* memoryFolder)
      for (let i = 0; i < 1000; i++) yield* records.save(withKey(`csi-${i}`, new Uint8Array(1200)))
      const began = performance.now()
      expect((yield* records.all).length).toBe(1000)
      expect(performance.now() - began).toBeLessThan(10_000)
    })
  )
})
