/**
 * The live side of `VolumeRecords`: one file per volume in `<data root>/volumes`. A file is named by the SHA-256 of its
 * volume id, because an id is anybody's text and a file's name is not. Files are replaced by rename, so that a crash
 * leaves the record before or the record after; what makes no sense is set aside under another name and never in
 * anybody's way. A record may hold the key of a pending request: certlet's user alone can read it, and on a disk it is
 * written without.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { Effect, Layer, Option, Predicate, Result, Schedule } from "effect"
import { Settings } from "../Settings.ts"
import { errnoOf } from "../spec/errnoOf.ts"
import {
  decodeRecord,
  encodeRecord,
  RecordError,
  type VolumeRecord,
  VolumeRecords,
  volumeIdIn,
  withoutPending
} from "./VolumeRecord.ts"

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
        reason: ["ENOSPC", "EDQUOT"].includes(errnoOf(cause)) ? "Full" : "Io",
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

/**
 * Makes sure of the folder before a record goes there: cleaners of temporary files may have removed it since the start.
 */
const ensureFolder = (folder: string): void => {
  const { mode, uid } = fs.lstatSync(folder, { throwIfNoEntry: false }) ?? {}
  if (uid !== process.geteuid?.() || mode !== (fs.constants.S_IFDIR | 0o700)) makeFolder(folder)
}

/** statfs(2)'s f_type of the file systems that live in memory: tmpfs and ramfs. */
const memoryTypes: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])

const isInMemory = (folder: string): boolean => memoryTypes.has(fs.statfsSync(folder).type)

/**
 * Not synced to a disk: under a memory-backed data root there is none, and under another one a power failure costs a
 * record that the volume's next publish heals. Where the folder is on a disk is asked at each save, because a data root
 * whose mount is lost is one.
 */
const save = Effect.fn("VolumeRecords.save")(function* (folder: string, record: VolumeRecord) {
  const { volumeId } = record
  const name = fileName(volumeId)
  const unfinished = `${folder}/.${name}.tmp`
  const mayKeepKeys = yield* attempt("save", volumeId, () => {
    ensureFolder(folder)
    return isInMemory(folder)
  })
  const text = yield* Effect.orDie(encodeRecord(mayKeepKeys ? record : withoutPending(record)))
  yield* attempt("save", volumeId, () => {
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

/** Longer than any record: the attributes are bounded by what the kubelet's API server stores of a pod. */
const longestRecord = 4_194_304

/** The text of a record; none where what stands in its place can be no record. A FIFO or a device is not waited for. */
const textOf = (path: string): Option.Option<string> => {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants
  const fd = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
  try {
    const stat = fs.fstatSync(fd)
    return stat.isFile() && stat.size <= longestRecord ? Option.some(fs.readFileSync(fd, "utf8")) : Option.none()
  } finally {
    fs.closeSync(fd)
  }
}

/** What open(2) says of a link, a socket or a device without a driver: nothing that a second try would change. */
const isNoRecord = (cause: unknown): boolean => ["ELOOP", "ENXIO", "ENODEV"].includes(errnoOf(cause))

/** A disk's failure may pass within moments, and a volume should not lose its renewals to it. */
const patient = { schedule: Schedule.exponential("50 millis"), times: 4 }

const readText = (path: string) =>
  Effect.try({ try: () => textOf(path), catch: (cause) => cause }).pipe(
    Effect.catchIf(isNoRecord, () => Effect.succeedNone),
    Effect.retry(patient)
  )

/** The record in this file; none, and a warning, where there is none to be had. */
const load = Effect.fnUntraced(function* (folder: string, name: string) {
  const path = `${folder}/${name}`
  const read = yield* Effect.result(readText(path))
  if (Result.isFailure(read)) {
    const why = Predicate.isError(read.failure) ? read.failure.message : String(read.failure)
    yield* Effect.logWarning(`a record cannot be read now and is left where it is: ${why}`).pipe(
      Effect.annotateLogs({ file: path })
    )
    return Option.none<VolumeRecord>()
  }
  const text = Option.getOrElse(read.success, () => "")
  const found = decodeRecord(text)
  // A record under another volume's name would be found by nobody who saves or removes.
  if (found._tag === "Read" && fileName(found.record.volumeId) === name) return Option.some(found.record)
  if (found._tag === "Later") {
    yield* Effect.logWarning("a later version of certlet wrote a record that this one cannot read; it is left").pipe(
      Effect.annotateLogs({ volumeId: volumeIdIn(text), file: path })
    )
    return Option.none<VolumeRecord>()
  }
  yield* Effect.ignore(attempt("set aside", "", () => setAside(folder, name)))
  yield* Effect.logWarning("a record makes no sense and is set aside; the volume's next publish makes a new one").pipe(
    Effect.annotateLogs({ volumeId: volumeIdIn(text), file: `${folder}/${damagedName(name)}` })
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

/** Makes the folder ready and clears away what a crash left half written. A failure shows again at the first save. */
const prepare = Effect.fnUntraced(function* (folder: string) {
  const inMemory = yield* attempt("prepare", "", () => {
    makeFolder(folder)
    for (const name of namesIn(folder).filter((name) => unfinishedName.test(name))) fs.rmSync(`${folder}/${name}`)
    return isInMemory(folder)
  })
  if (!inMemory) {
    yield* Effect.logWarning(
      `${folder} is on a disk, so no pending request is kept there with its key: after a restart it is asked for again`
    )
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
      all: all(folder),
      keepsKeys: Effect.orElseSucceed(
        attempt("measure", "", () => isInMemory(folder)),
        () => false
      )
    })
  })
)
