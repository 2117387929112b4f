/**
 * The laws of `VolumeRecords`, as programs. They run on the simulated records and on the live ones. The scene is what
 * happens to a data root behind certlet's back: a record's text is damaged, a cleaner removes everything, certlet dies
 * and starts again over what is left.
 */
import { Context, DateTime, Effect, Option, Redacted } from "effect"
import { type RecordError, type VolumeRecord, VolumeRecords, withoutPending } from "../../volume/VolumeRecord.ts"
import { holds, type Law, type LawBroken, same } from "./Law.ts"

/** What the laws need besides the service. */
export class RecordScene extends Context.Service<
  RecordScene,
  {
    /** Replaces the volume's record with this text. */
    readonly damage: (volumeId: string, text: string) => Effect.Effect<void>
    /** The text of the volume's record as it stands. */
    readonly text: (volumeId: string) => Effect.Effect<string>
    /** Certlet dies while it saves this record: what is written is there, but not under the record's name yet. */
    readonly cutShort: (record: VolumeRecord) => Effect.Effect<void>
    /** True where something of an unfinished save of this volume's is left. */
    readonly leftUnfinished: (volumeId: string) => Effect.Effect<boolean>
    /** A cleaner removes the whole data root. */
    readonly wipe: Effect.Effect<void>
    /** The data root is on a disk from now on. */
    readonly moveToDisk: Effect.Effect<void>
    /** The service that a restarted certlet has, over the same data root. */
    readonly restart: Effect.Effect<VolumeRecords["Service"]>
  }
>()("certlet/testing/RecordScene") {}

type RecordLaw = Law<RecordError, VolumeRecords | RecordScene>

const at = (iso: string): DateTime.Utc => DateTime.makeUnsafe(iso)

const plain = (volumeId: string, target = "/pods/a/mount"): VolumeRecord => ({
  version: 1,
  volumeId,
  target,
  context: { "csi.cert-manager.io/issuer-name": "ca" },
  mountFlags: [],
  volumeMountGroup: "",
  issued: Option.none(),
  pending: Option.none()
})

/** A record with everything in it. */
const complete = (volumeId: string): VolumeRecord => ({
  ...plain(volumeId, '/pods/"quoted"\\n/mount'),
  mountFlags: ["ro"],
  volumeMountGroup: "1000",
  issued: Option.some({
    requestName: "r1",
    serialNumber: "0a",
    notBefore: at("2026-11-24T00:00:00Z"),
    notAfter: at("2026-11-24T01:00:00Z"),
    renewAt: at("2026-11-24T00:40:00.123Z")
  }),
  pending: Option.some({
    requestName: "r2",
    signingRequest: "-----BEGIN CERTIFICATE REQUEST-----\n",
    privateKey: Redacted.make(new Uint8Array(256).map((_, i) => i)),
    since: at("2026-11-24T00:40:00Z")
  })
})

/** Ids that are nobody's file name. */
const ids = [
  "csi-1",
  "../escape",
  "/etc/passwd",
  "",
  ".",
  "a\nb",
  "a\u0000b",
  "ä",
  "x".repeat(1024),
  `${"x".repeat(1024)}y`
]

/** Records as text, secrets included, in the order of their ids. */
const rendered = (records: ReadonlyArray<VolumeRecord>): string =>
  JSON.stringify(
    [...records]
      .sort((one, other) => (one.volumeId < other.volumeId ? -1 : 1))
      .map((record) => ({
        ...record,
        key: Option.map(record.pending, ({ privateKey }) => [...Redacted.value(privateKey)])
      }))
  )

const expectAll = (records: VolumeRecords["Service"], wanted: ReadonlyArray<VolumeRecord>) =>
  Effect.flatMap(records.all, (found) => same(rendered(found), rendered(wanted), "the records"))

const law = (
  sentence: string,
  trial: (
    records: VolumeRecords["Service"],
    scene: RecordScene["Service"]
  ) => Effect.fn.Return<void, RecordError | LawBroken, VolumeRecords | RecordScene>
): RecordLaw => ({
  law: sentence,
  program: Effect.gen(function* () {
    yield* Effect.fnUntraced(trial)(yield* VolumeRecords, yield* RecordScene)
  })
})

/** Every law of `VolumeRecords`; each needs a data root of its own. */
export const laws: ReadonlyArray<RecordLaw> = [
  law("what was saved is what all returns", function* (records, scene) {
    yield* expectAll(records, [])
    yield* records.save(complete("one"))
    yield* records.save(plain("two"))
    yield* expectAll(records, [complete("one"), plain("two")])
    yield* records.save(plain("one"))
    yield* expectAll(records, [plain("one"), plain("two")])
    yield* expectAll(yield* scene.restart, [plain("one"), plain("two")])
  }),
  law("a volume id may be any text", function* (records) {
    yield* Effect.forEach(ids, (id) => records.save(complete(id)), { discard: true })
    yield* expectAll(records, ids.map(complete))
    yield* Effect.forEach(ids.slice(1), (id) => records.remove(id), { discard: true })
    yield* expectAll(records, ids.slice(0, 1).map(complete))
  }),
  law("removing what is not there succeeds", function* (records) {
    yield* records.remove("nobody")
    yield* records.save(plain("one"))
    yield* records.remove("one")
    yield* records.remove("one")
    yield* expectAll(records, [])
  }),
  law("a save that a crash cut short changes nothing and is cleared away", function* (records, scene) {
    yield* records.save(plain("one"))
    yield* scene.cutShort(complete("one"))
    yield* scene.cutShort(complete("two"))
    yield* holds(yield* scene.leftUnfinished("one"), "the scene left nothing unfinished")
    yield* expectAll(records, [plain("one")])
    yield* records.remove("two")
    yield* holds(!(yield* scene.leftUnfinished("two")), "an unfinished save outlived its volume")
    yield* expectAll(yield* scene.restart, [plain("one")])
    yield* holds(!(yield* scene.leftUnfinished("one")), "an unfinished save was left by a start")
    yield* scene.cutShort(complete("one"))
    yield* records.save(complete("one"))
    yield* expectAll(records, [complete("one")])
    yield* holds(!(yield* scene.leftUnfinished("one")), "an unfinished save was left by the next save")
  }),
  law("a record that makes no sense is set aside and hinders no other", function* (records, scene) {
    yield* records.save(complete("good"))
    yield* records.save(complete("bad"))
    const text = yield* scene.text("bad")
    const older = text.replace('"version":1', '"version":0')
    const foreign = text.replace('"volumeId":"bad"', '"volumeId":"another"')
    for (const damaged of ["", "{", text.slice(0, -20), "[]", "null", older, foreign]) {
      yield* records.save(complete("bad"))
      yield* scene.damage("bad", damaged)
      yield* expectAll(records, [complete("good")])
      yield* expectAll(yield* scene.restart, [complete("good")])
    }
    yield* records.save(plain("bad"))
    yield* expectAll(records, [complete("good"), plain("bad")])
  }),
  law(
    "a record of a later version is read as far as it is known, and left where nothing of it is",
    function* (records, scene) {
      yield* records.save(complete("later"))
      const text = yield* scene.text("later")
      const later = text.replace('"version":1', '"version":7,"colour":"blue"')
      yield* scene.damage("later", later)
      yield* expectAll(yield* scene.restart, [complete("later")])
      yield* scene.damage("later", later.replace('"signingRequest":', '"signature":'))
      yield* expectAll(yield* scene.restart, [withoutPending(complete("later"))])
      const strange = later.replace('"target":', '"place":')
      yield* scene.damage("later", strange)
      yield* expectAll(yield* scene.restart, [])
      yield* same(yield* scene.text("later"), strange, "the later version's record")
      yield* records.save(plain("later"))
      yield* expectAll(yield* scene.restart, [plain("later")])
    }
  ),
  law("a pending request is kept only while keys may be kept", function* (records, scene) {
    yield* same(String(yield* records.keepsKeys), "true", "keys are kept in memory")
    yield* scene.moveToDisk
    yield* same(String(yield* records.keepsKeys), "false", "keys are kept on a disk")
    yield* records.save(complete("one"))
    yield* expectAll(records, [withoutPending(complete("one"))])
    yield* holds(!(yield* scene.text("one")).includes("privateKey"), "a key was written to a disk")
  }),
  law("a data root that a cleaner removed heals at the next save", function* (records, scene) {
    yield* records.save(plain("one"))
    yield* scene.wipe
    yield* expectAll(records, [])
    yield* records.remove("one")
    yield* records.save(plain("two"))
    yield* expectAll(records, [plain("two")])
  })
]
