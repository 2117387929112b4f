/**
 * How the files of a volume change: the way the kubelet changes those of a Secret. A set is written into a folder of
 * its own, named after the time, and the link `..data` is moved to it by one rename; a file's own name is a link
 * through `..data` that outlives the swap. Until the rename a reader sees the set before, whatever fails. What a crash
 * left behind is swept away by the next swap, or when somebody asks for it.
 */
import * as fs from "node:fs"
import { DateTime, Effect, Option, Redacted } from "effect"
import type { File, FileSet } from "./FileSet.ts"
import { attempt, attemptExisting, type Folder, failed, type Spot } from "./NodeFolder.ts"
import { currentStage, data, isStage, linkAt, markedName, wholeStage } from "./NodeSetMark.ts"
import { namesFault } from "./PlaceRules.ts"
import { folderMode, VolumeError, type VolumePlace } from "./VolumeFS.ts"

/** What a swap needs to know besides the files. */
export interface SwapOptions extends Pick<VolumePlace, "group" | "owner" | "openToAll"> {
  /** True where the volume is on a disk: what is on a tmpfs cannot outlive a power failure anyway. */
  readonly durable: boolean
}

/** The marker of a volume in the directory medium; certlet's own names begin with "..". */
export const marker = "..certlet"
const dataNext = "..data_tmp"

/** The uid that a place names. */
export const ownerOf = ({ owner }: Pick<VolumePlace, "owner">): Option.Option<number> => owner ?? Option.none()

/** Gives a file or a folder to the user and the group that a place names; what is not named stays as it is. */
export const giveTo = (file: number | string, place: Pick<VolumePlace, "group" | "owner">): void => {
  const owner = ownerOf(place)
  if (Option.isNone(place.group) && Option.isNone(owner)) return
  const uid = Option.getOrElse(owner, () => process.geteuid?.() ?? 0)
  const gid = Option.getOrElse(place.group, () => process.getegid?.() ?? 0)
  if (typeof file === "number") fs.fchownSync(file, uid, gid)
  else fs.chownSync(file, uid, gid)
}

/** Replaces the volume's files by this set, or fails and leaves them as they were. */
export const swapFiles = Effect.fnUntraced(function* (
  spot: Spot,
  folder: Folder,
  files: FileSet,
  options: SwapOptions
) {
  const fault = namesFault(files.map((file) => file.name))
  if (fault !== undefined) {
    return yield* new VolumeError({ reason: "Hostile", action: spot.action, path: spot.target, detail: fault })
  }
  const before = yield* attempt(spot, () => sweepLeftovers(folder))
  const prefix = stagePrefix(yield* DateTime.now)
  const stage = yield* attempt(spot, () => fs.mkdtempSync(`${folder.path}/${prefix}`))
  const name = yield* Effect.forEach(files, (file) => writeFile(spot, stage, file, options), { discard: true }).pipe(
    Effect.andThen(attempt(spot, () => seal(stage, options))),
    Effect.andThen(attempt(spot, () => finish(folder, stage))),
    Effect.tap((name) => attempt(spot, () => swap(folder, name, files))),
    Effect.onError(() => abandon(spot, folder, before))
  )
  // The new set stands, so this call has succeeded: what cannot be cleared away now is swept away by the next one.
  yield* Effect.ignore(attempt(spot, () => keepOnly(folder, name, files)))
  if (options.durable) yield* synced(spot, folder.fd)
}, Effect.uninterruptible)

/** The current set; none where nothing was written, or where the files are no longer what was written. */
export const readFiles = (spot: Spot, folder: Folder) =>
  attempt(spot, () => {
    const stage = wholeStage(folder)
    if (stage === undefined) return Option.none()
    const path = `${folder.path}/${stage}`
    return Option.some(
      new Map(
        fs.readdirSync(path).map((name) => {
          const content = fs.readFileSync(`${path}/${name}`)
          return [name, Redacted.make(new Uint8Array(content.buffer, content.byteOffset, content.length))] as const
        })
      )
    )
  })

/** True where a set was written. */
export const isFilled = (spot: Spot, folder: Folder): Effect.Effect<boolean, VolumeError> =>
  Effect.map(
    attemptExisting(spot, () => fs.statSync(`${folder.path}/${data}`)),
    Option.exists((stat) => stat.isDirectory())
  )

/**
 * Removes everything in the volume; the marker goes last, so that a volume half removed is still known as certlet's.
 */
export const removeFiles = (spot: Spot, folder: Folder): Effect.Effect<void, VolumeError> =>
  attempt(spot, () => {
    for (const name of fs.readdirSync(folder.path).sort((one) => (one === marker ? 1 : -1))) drop(folder, name)
  })

const stagePrefix = (now: DateTime.Utc): string => {
  const { year, month, day, hour, minute, second } = DateTime.toPartsUtc(now)
  return `..${year}${[month, day, hour, minute, second].map((part) => `_${String(part).padStart(2, "0")}`).join("")}.`
}

const drop = (folder: Folder, name: string): void => {
  const path = `${folder.path}/${name}`
  // Without root's rights a folder without write permission cannot be emptied, even by its owner.
  if (fs.lstatSync(path).isDirectory()) fs.chmodSync(path, 0o700)
  fs.rmSync(path, { recursive: true, force: true })
}

/** Removes the sets that a crash has left behind, with their keys; the current one stays. */
export const sweepFiles = (spot: Spot, folder: Folder): Effect.Effect<void, VolumeError> =>
  attempt(spot, () => void sweepLeftovers(folder))

/**
 * Frees what a crash has left behind, which may be what fills the volume up. Returns the names that the volume shows.
 */
const sweepLeftovers = (folder: Folder): ReadonlySet<string> => {
  const current = currentStage(folder)
  const names = fs.readdirSync(folder.path)
  for (const name of names) {
    if (name === dataNext || (isStage(name) && name !== current)) drop(folder, name)
  }
  return new Set(names)
}

const writeFile = (spot: Spot, stage: string, file: File, options: SwapOptions) =>
  Effect.acquireUseRelease(
    attempt(spot, () => fs.openSync(`${stage}/${file.name}`, "wx", 0o600)),
    (fd) =>
      Effect.gen(function* () {
        yield* attempt(spot, () => {
          fs.writeFileSync(fd, Redacted.value(file.content))
          // The owner is set before the mode: a change of owner may take mode bits away.
          giveTo(fd, options)
          fs.fchmodSync(fd, file.mode & 0o777)
        })
        if (options.durable) yield* synced(spot, fd)
      }),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )

const synced = (spot: Spot, fd: number) =>
  Effect.callback<void, VolumeError>((resume) =>
    fs.fsync(fd, (cause) => resume(cause === null ? Effect.void : Effect.fail(failed(spot)(cause))))
  )

/** Opens the finished folder to its readers; until here it is certlet's alone. */
const seal = (stage: string, options: SwapOptions): void => {
  giveTo(stage, options)
  fs.chmodSync(stage, folderMode(options))
}

/** Gives the finished folder its lasting name, which says what is in it. */
const finish = (folder: Folder, stage: string): string => {
  const name = markedName(folder, stage.slice(folder.path.length + 1))
  fs.renameSync(stage, `${folder.path}/${name}`)
  return name
}

/** Names that are new are linked first, so that everything is there when the one rename happens. */
const swap = (folder: Folder, name: string, files: FileSet): void => {
  for (const file of files) {
    const target = `${data}/${file.name}`
    if (linkAt(folder, file.name) === target) continue
    fs.rmSync(`${folder.path}/${file.name}`, { recursive: true, force: true })
    fs.symlinkSync(target, `${folder.path}/${file.name}`)
  }
  // Only a stranger puts something else than a link there, and no rename replaces a folder by a link.
  if (linkAt(folder, data) === undefined) fs.rmSync(`${folder.path}/${data}`, { recursive: true, force: true })
  fs.symlinkSync(name, `${folder.path}/${dataNext}`)
  fs.renameSync(`${folder.path}/${dataNext}`, `${folder.path}/${data}`)
}

/** Takes back what a failed swap has made. A failure on this way back must not hide the one that led to it. */
const abandon = (spot: Spot, folder: Folder, before: ReadonlySet<string>) =>
  attempt(spot, () => fs.readdirSync(folder.path)).pipe(
    Effect.map((now) => now.filter((left) => left === dataNext || !before.has(left))),
    Effect.flatMap((made) => Effect.all(made.map((left) => Effect.ignore(attempt(spot, () => drop(folder, left)))))),
    Effect.ignore
  )

/** Clears away what the new set does not have: earlier folders, and links to names that are gone. */
const keepOnly = (folder: Folder, name: string, files: FileSet): void => {
  const keep = new Set([data, marker, name, ...files.map((file) => file.name)])
  for (const left of fs.readdirSync(folder.path).filter((left) => !keep.has(left))) drop(folder, left)
}
