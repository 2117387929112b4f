import * as fs from "node:fs"
import { performance } from "node:perf_hooks"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Logger, Redacted, Schema } from "effect"
import fc from "fast-check"
import * as NodeVolumeRecords from "../../src/volume/NodeVolumeRecords.ts"
import { VolumeRecord, VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { settings, temporaryFolder } from "./NodeScene.ts"

const plain = (volumeId: string): VolumeRecord => ({
  version: 1,
  volumeId,
  target: "/var/lib/kubelet/pods/a/volumes/kubernetes.io~csi/tls/mount",
  context: { "csi.cert-manager.io/issuer-name": "ca" },
  mountFlags: [],
  volumeMountGroup: ""
})

const withKey = (volumeId: string, key: Uint8Array): VolumeRecord => ({
  ...plain(volumeId),
  pending: {
    requestName: "r1",
    signingRequest: "-----BEGIN CERTIFICATE REQUEST-----",
    privateKey: Redacted.make(key),
    since: DateTime.makeUnsafe("2026-11-24T00:00:00Z")
  }
})

const RecordText = Schema.fromJsonString(VolumeRecord)

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
      issued: fc.record({
        requestName: fc.string(),
        serialNumber: fc.string(),
        notBefore: time,
        notAfter: time,
        renewAt: time
      }),
      pending: fc.record({
        requestName: fc.string(),
        signingRequest: fc.string(),
        privateKey: fc.uint8Array().map((bytes) => Redacted.make(bytes)),
        since: time
      })
    })
    fc.assert(
      fc.property(records, (record) => {
        const text = Schema.encodeSync(RecordText)(record)
        const back = Schema.decodeUnknownSync(RecordText)(text)
        expect({ ...back, pending: undefined }).toEqual({ ...record, pending: undefined })
        expect(Redacted.value(back.pending?.privateKey ?? Redacted.make(new Uint8Array()))).toEqual(
          Redacted.value(record.pending.privateKey)
        )
      })
    )
  })

  it("does not show its key to a log, nor does the failure to read it", () => {
    const key = new TextEncoder().encode("the secret bytes")
    const record = withKey("a", key)
    const text = Schema.encodeSync(RecordText)(record)
    const secret = Buffer.from(key).toString("base64")
    expect(text).toContain(secret)
    expect(`${JSON.stringify(record)}${String(record.pending?.privateKey)}`).not.toContain(secret)
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

  it.live("warn once where the data root is on a disk", () =>
    Effect.gen(function* () {
      const dataRoot = yield* temporaryFolder
      const { lines, records } = yield* start(dataRoot)
      yield* records.save(plain("a"))
      const inMemory = [0x01021994, 0x858458f6].includes(fs.statfsSync(dataRoot).type)
      expect(lines.filter((line) => line.includes("not memory-backed")).length).toBe(inMemory ? 0 : 1)
    })
  )

  it.live.skipIf(process.geteuid?.() !== 0)("do not go into a folder of somebody else's", () =>
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
      const { records } = yield* start(yield* temporaryFolder)
      for (let i = 0; i < 1000; i++) yield* records.save(withKey(`csi-${i}`, new Uint8Array(1200)))
      const began = performance.now()
      expect((yield* records.all).length).toBe(1000)
      expect(performance.now() - began).toBeLessThan(1000)
    })
  )
})
