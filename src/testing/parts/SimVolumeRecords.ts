/**
 * The records of a node in memory: the simulated side of `VolumeRecords`. A record is kept as the text that the live
 * side writes, so that what does not survive the disk does not survive here either. It is saved as a file is, under
 * another name first and then by a rename, and a process can die between the two. `SimRecordDisk` is its lever: a text
 * can be damaged or wiped away as a crash or a cleaner would, and the disk can be full or broken.
 */
import { Context, Effect, Layer, Option } from "effect"
import {
  decodeRecord,
  encodeRecord,
  RecordError,
  type VolumeRecord,
  VolumeRecords,
  withoutPending
} from "../../volume/VolumeRecord.ts"
import { DiskStep } from "./DiskStep.ts"

/** The levers of the records' disk, and what stands on it. */
export class SimRecordDisk extends Context.Service<
  SimRecordDisk,
  {
    /** From now on nothing can be saved, until `free`. */
    readonly fill: Effect.Effect<void>
    readonly free: Effect.Effect<void>
    /** From now on every call fails with `Io`, until `heal`. */
    readonly fail: Effect.Effect<void>
    readonly heal: Effect.Effect<void>
    /** From now on nothing can be saved or removed, until `unlock`. */
    readonly lock: Effect.Effect<void>
    readonly unlock: Effect.Effect<void>
    /** From now on the data root is on a disk, where no key may be. */
    readonly moveToDisk: Effect.Effect<void>
    /** Replaces a volume's record with this text. */
    readonly damage: (volumeId: string, text: string) => Effect.Effect<void>
    /** A cleaner removes the whole data root. */
    readonly wipe: Effect.Effect<void>
    /** The texts as they stand, by volume. */
    readonly texts: Effect.Effect<ReadonlyMap<string, string>>
    /** The volumes with a save that a crash has cut short, and that no start has cleared away yet. */
    readonly unfinished: Effect.Effect<ReadonlyArray<string>>
    /** The volumes whose records were set aside. */
    readonly setAside: Effect.Effect<ReadonlyArray<string>>
  }
>()("certlet/testing/SimRecordDisk") {}

/** What has changed among the records. */
export type RecordChange =
  | { readonly _tag: "RecordSaved"; readonly volumeId: string; readonly text: string }
  | { readonly _tag: "RecordRemoved"; readonly volumeId: string }

interface Disk {
  readonly texts: Map<string, string>
  /** What is written and not yet under a record's name. */
  readonly unfinished: Map<string, string>
  readonly setAside: Set<string>
  /** The volumes whose records somebody else took or damaged, and whether each was recorded again as a new one. */
  readonly lost: Map<string, boolean>
  /** The volumes whose records could not be removed when that was tried last. */
  readonly stuck: Set<string>
  /** Told of every change, at the moment it is made. */
  readonly observe: (change: RecordChange) => void
  full: boolean
  broken: boolean
  readOnly: boolean
  inMemory: boolean
}

const ready = (disk: Disk, action: string, volumeId: string): Effect.Effect<void, RecordError> =>
  Effect.suspend(() => {
    const fail = (detail: string) => Effect.fail(new RecordError({ reason: "Io", action, volumeId, detail }))
    if (disk.broken) return fail("input/output error (simulated)")
    return disk.readOnly && action !== "read" ? fail("read-only file system (simulated)") : Effect.void
  })

/** As on a real node: a file beside the record, then one rename; what failed takes its file away. */
const save = Effect.fnUntraced(
  function* (disk: Disk, record: VolumeRecord) {
    const { volumeId } = record
    const step = yield* DiskStep
    const text = yield* Effect.orDie(encodeRecord(disk.inMemory ? record : withoutPending(record)))
    yield* ready(disk, "save", volumeId)
    disk.unfinished.set(volumeId, text)
    yield* step
    yield* ready(disk, "save", volumeId)
    if (disk.full) {
      const detail = "no space left on device (simulated)"
      return yield* new RecordError({ reason: "Full", action: "save", volumeId, detail })
    }
    disk.unfinished.delete(volumeId)
    disk.texts.set(volumeId, text)
    noteSaved(disk, record)
    disk.observe({ _tag: "RecordSaved", volumeId, text })
  },
  (saved, disk, { volumeId }) =>
    saved.pipe(
      Effect.onError(() => Effect.ignore(clear(disk, volumeId))),
      Effect.uninterruptible
    )
)

/** A volume with a certificate in its record is known again. */
const noteSaved = ({ lost }: Disk, { issued, volumeId }: VolumeRecord): void => {
  if (Option.isSome(issued)) lost.delete(volumeId)
  else if (lost.has(volumeId)) lost.set(volumeId, true)
}

const clear = Effect.fnUntraced(function* (disk: Disk, volumeId: string) {
  yield* yield* DiskStep
  yield* ready(disk, "remove", volumeId)
  disk.unfinished.delete(volumeId)
})

const remove = Effect.fnUntraced(
  function* (disk: Disk, volumeId: string) {
    disk.stuck.delete(volumeId)
    yield* ready(disk, "remove", volumeId)
    if (disk.texts.delete(volumeId)) disk.observe({ _tag: "RecordRemoved", volumeId })
    disk.setAside.delete(volumeId)
    yield* clear(disk, volumeId)
  },
  (removed, disk, volumeId) => Effect.tapError(removed, () => Effect.sync(() => disk.stuck.add(volumeId)))
)

const all = Effect.fnUntraced(function* (disk: Disk) {
  yield* ready(disk, "read", "")
  const records: Array<VolumeRecord> = []
  for (const [volumeId, text] of [...disk.texts]) {
    const found = decodeRecord(text)
    if (found._tag === "Later") continue
    if (found._tag === "Read" && found.record.volumeId === volumeId) records.push(found.record)
    else {
      disk.texts.delete(volumeId)
      disk.setAside.add(volumeId)
      yield* Effect.logWarning(
        "a record makes no sense and is set aside; the volume's next publish makes a new one"
      ).pipe(Effect.annotateLogs({ volumeId }))
    }
  }
  return records
})

const turn = (disk: Disk, change: Partial<Disk>): Effect.Effect<void> =>
  Effect.sync(() => void Object.assign(disk, change))

const levers = (disk: Disk) =>
  SimRecordDisk.of({
    fill: turn(disk, { full: true }),
    free: turn(disk, { full: false }),
    fail: turn(disk, { broken: true }),
    heal: turn(disk, { broken: false }),
    lock: turn(disk, { readOnly: true }),
    unlock: turn(disk, { readOnly: false }),
    moveToDisk: turn(disk, { inMemory: false }),
    damage: (volumeId, text) =>
      Effect.sync(() => {
        disk.lost.set(volumeId, false)
        disk.texts.set(volumeId, text)
      }),
    wipe: Effect.sync(() => {
      for (const volumeId of disk.texts.keys()) disk.lost.set(volumeId, false)
      disk.texts.clear()
      disk.unfinished.clear()
    }),
    texts: Effect.sync(() => new Map(disk.texts)),
    unfinished: Effect.sync(() => [...disk.unfinished.keys()]),
    setAside: Effect.sync(() => [...disk.setAside])
  })

/** A new, empty data root, as the programs and as a test or a judge sees it. */
export const makeSimRecords = (observe: (change: RecordChange) => void = () => undefined) => {
  const disk: Disk = {
    texts: new Map(),
    unfinished: new Map(),
    setAside: new Set(),
    lost: new Map(),
    stuck: new Set(),
    observe,
    full: false,
    broken: false,
    readOnly: false,
    inMemory: true
  }
  const records = VolumeRecords.of({
    save: (record) => save(disk, record),
    remove: (volumeId) => remove(disk, volumeId),
    all: all(disk),
    keepsKeys: Effect.sync(() => disk.inMemory)
  })
  /** The records as a process has them that starts now: it clears away what a crash has left unfinished, if it can. */
  const start = Effect.as(Effect.ignore(Effect.map(ready(disk, "prepare", ""), () => disk.unfinished.clear())), records)
  const texts: ReadonlyMap<string, string> = disk.texts
  /** The volumes of which anything is kept, a save that was cut short included. */
  const volumeIds = (): ReadonlySet<string> => new Set([...disk.texts.keys(), ...disk.unfinished.keys()])
  /** True where certlet has begun a volume anew, because somebody else had taken or damaged its record. */
  const isBegunAgain = (volumeId: string): boolean => disk.lost.get(volumeId) === true
  /** True where the disk did not let certlet remove the record. */
  const isStuck = (volumeId: string): boolean => disk.stuck.has(volumeId)
  return { start, levers: levers(disk), texts, volumeIds, isBegunAgain, isStuck }
}

/** The simulated records: `VolumeRecords` for the programs, `SimRecordDisk` for the test. */
export const layer: Layer.Layer<VolumeRecords | SimRecordDisk> = Layer.effectContext(
  Effect.gen(function* () {
    const { levers, start } = makeSimRecords()
    return Context.make(VolumeRecords, yield* start).pipe(Context.add(SimRecordDisk, levers))
  })
)
