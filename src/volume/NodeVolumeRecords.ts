/**
 * The live side of `VolumeRecords`: one file per volume in `<data root>/volumes`. A file is named by the SHA-256 of its volume
 * id, because an id is anybody's text and a file's name is not. Files are replaced by rename, so that a crash leaves the
 * record before or the record after; what cannot be read is set aside under another name and never in anybody's way. A
 * record may hold the key of a pending request, hence certlet's user alone can read it.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { Effect, Layer, Option, Predicate, Schema } from "effect"
import { Settings } from "../Settings.ts"
import { codeOf } from "./NodeFolder.ts"
import { RecordError, VolumeRecord, VolumeRecords } from "./VolumeRecord.ts"

const RecordText = Schema.fromJsonString(VolumeRecord)
const encode = Schema.encodeEffect(RecordText)
const decode = Schema.decodeUnknownEffect(RecordText)

const recordName = /^[0-9a-f]{64}\.json$/
const unfinishedName = /^\.[0-9a-f]{64}\.json\.tmp$/

const fileName = (volumeId: string): string => `${createHash("sha256").update(volumeId).digest("hex")}.json`
/** One name per volume: whatever is damaged how often, a volume leaves one such file at most. */
const damagedName = (name: string): string => `.damaged-${name}`

const attempt = <A>(action: string, volumeId: string, calls: () => A): Effect.Effect<A, RecordError> =>
  Effect.try({
    try: calls,
    catch: (cause) =>
      new RecordError({
        reason: ["ENOSPC", "EDQUOT"].includes(codeOf(cause)) ? "Full" : "Io",
        action,
        volumeId,
        detail: Predicate.isError(cause) ? cause.message : String(cause)
      })
  })

const makeFolder = (folder: string): void => {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  // The folder may be older than this rule, or somebody else's trap: its owner could read keys and plant records.
  const { uid } = fs.lstatSync(folder)
  if (uid !== process.geteuid?.()) throw new Error(`${folder} belongs to user ${uid}, not to certlet's`)
  fs.chmodSync(folder, 0o700)
}

/** Makes sure of the folder before a record goes there: cleaners of temporary files may have removed it since the start. */
const ensureFolder = (folder: string): void => {
  const { mode, uid } = fs.lstatSync(folder, { throwIfNoEntry: false }) ?? {}
  if (uid !== process.geteuid?.() || mode !== (fs.constants.S_IFDIR | 0o700)) makeFolder(folder)
}

/**
 * Not synced to a disk: under a memory-backed data root there is none, and under another one a power failure costs a record
 * that the volume's next publish heals.
 */
const save = Effect.fn("VolumeRecords.save")(function* (folder: string, record: VolumeRecord) {
  const { volumeId } = record
  const text = yield* Effect.orDie(encode(record))
  const name = fileName(volumeId)
  const unfinished = `${folder}/.${name}.tmp`
  yield* attempt("save", volumeId, () => {
    ensureFolder(folder)
    if (fs.lstatSync(unfinished, { throwIfNoEntry: false }) !== undefined) fs.rmSync(unfinished)
    fs.writeFileSync(unfinished, text, { flag: "wx", mode: 0o600 })
    fs.renameSync(unfinished, `${folder}/${name}`)
  }).pipe(Effect.onError(() => Effect.ignore(attempt("save", volumeId, () => fs.rmSync(unfinished, { force: true })))))
}, Effect.uninterruptible)

const remove = Effect.fn("VolumeRecords.remove")((folder: string, volumeId: string) =>
  attempt("remove", volumeId, () => {
    const name = fileName(volumeId)
    for (const gone of [name, damagedName(name), `.${name}.tmp`]) {
      fs.rmSync(`${folder}/${gone}`, { force: true, recursive: true })
    }
  })
)

const namesIn = (folder: string): ReadonlyArray<string> => (fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [])

/** The volume that a damaged record speaks of, if it still says so. */
const namedIn = (text: string): string => /"volumeId":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? "unknown"

/** The record in this file; none, and a warning, where it cannot be read. */
const load = Effect.fnUntraced(function* (folder: string, name: string) {
  const path = `${folder}/${name}`
  const text = yield* Effect.option(attempt("read", "", () => fs.readFileSync(path, "utf8")))
  const record = yield* Effect.option(decode(Option.getOrElse(text, () => "")))
  // A record under another volume's name would be found by nobody who saves or removes.
  if (Option.exists(record, ({ volumeId }) => fileName(volumeId) === name)) return record
  yield* Effect.ignore(attempt("set aside", "", () => setAside(folder, name)))
  yield* Effect.logWarning("a record cannot be read and is set aside; the volume's next publish makes a new one").pipe(
    Effect.annotateLogs({ volumeId: namedIn(Option.getOrElse(text, () => "")), file: `${folder}/${damagedName(name)}` })
  )
  return Option.none<VolumeRecord>()
})

const setAside = (folder: string, name: string): void => {
  fs.rmSync(`${folder}/${damagedName(name)}`, { force: true, recursive: true })
  fs.renameSync(`${folder}/${name}`, `${folder}/${damagedName(name)}`)
}

const all = Effect.fn("VolumeRecords.all")(function* (folder: string) {
  const names = yield* attempt("read", "", () => namesIn(folder).filter((name) => recordName.test(name)))
  const records = yield* Effect.forEach(names, (name) => load(folder, name))
  return records.flatMap(Option.toArray)
})

/** statfs(2)'s f_type of the file systems that live in memory: tmpfs and ramfs. */
const memoryTypes: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])

/** Makes the folder ready and clears away what a crash left half written. A failure shows again at the first save. */
const prepare = Effect.fnUntraced(function* (folder: string) {
  const inMemory = yield* attempt("prepare", "", () => {
    makeFolder(folder)
    for (const name of namesIn(folder).filter((name) => unfinishedName.test(name))) fs.rmSync(`${folder}/${name}`)
    return memoryTypes.has(fs.statfsSync(folder).type)
  })
  if (!inMemory) {
    yield* Effect.logWarning(`${folder} is not memory-backed: the key of a pending request may be written to a disk`)
  }
})

/** The records of this node, under the settings' data root. */
export const layer: Layer.Layer<VolumeRecords, never, Settings> = Layer.effect(
  VolumeRecords,
  Effect.gen(function* () {
    const settings = yield* Settings
    const folder = `${settings.dataRoot}/volumes`
    yield* prepare(folder).pipe(
      Effect.catch((error) => Effect.logWarning(`the data root is not usable yet: ${error.message}`))
    )
    return VolumeRecords.of({
      save: (record) => save(folder, record),
      remove: (volumeId) => remove(folder, volumeId),
      all: all(folder)
    })
  })
)
