/**
 * What a volume is made of. `tmpfs`: a small memory file system of certlet's own, mounted at the pod's target, so that
 * a key never touches a disk and goes with its mount. `directory`: a plain folder with a marker in it, for the demo and
 * for tests where nothing can be mounted. Each says for an open folder whether it is certlet's own, makes an empty
 * folder so, and takes what is certlet's away again, never anything else.
 */
import * as fs from "node:fs"
import { Effect, Option } from "effect"
import { giveTo, marker, ownerOf, removeFiles } from "./NodeFileSwap.ts"
import { attempt, deviceOf, type Folder, identityOf, type Spot, withFolder } from "./NodeFolder.ts"
import { isOnTmpfs, type Mounter, readMounts } from "./NodeMounts.ts"
import { isUnknownOption } from "./NodeRunner.ts"
import { sortMountFlags } from "./PlaceRules.ts"
import { folderMode, VolumeError, type VolumePlace } from "./VolumeFS.ts"

/** What a volume is made of. */
export interface Medium {
  /** True where the files outlive a power failure. */
  readonly durable: boolean
  /** True where the open folder is certlet's own volume. */
  readonly owns: (spot: Spot, folder: Folder) => Effect.Effect<boolean, VolumeError>
  /** Makes an empty folder certlet's own volume. */
  readonly occupy: (spot: Spot, folder: Folder, place: VolumePlace) => Effect.Effect<void, VolumeError>
  /** Takes away, files first, what is certlet's own at this spot; the folder stays, as does everything else. */
  readonly vacate: (spot: Spot) => Effect.Effect<void, VolumeError>
}

/** Empties the volume at this spot if it is certlet's own; says whether it was. */
const empty = (spot: Spot, owns: Medium["owns"]) =>
  withFolder(
    spot,
    Option.match({
      onNone: () => Effect.succeed(false),
      onSome: (folder) => Effect.tap(owns(spot, folder), (mine) => (mine ? removeFiles(spot, folder) : Effect.void))
    })
  )

/**
 * A marker on a mounted file system does not count: certlet made the folder on the file system that its parent is on.
 */
const isMarked: Medium["owns"] = (spot, folder) =>
  attempt(
    spot,
    () =>
      folder.device === spot.parent.device &&
      fs.lstatSync(`${folder.path}/${marker}`, { throwIfNoEntry: false })?.isFile() === true
  )

/** Plain folders. */
export const directoryMedium: Medium = {
  durable: true,
  owns: isMarked,
  occupy: (spot, folder, place) =>
    attempt(spot, () => {
      giveTo(folder.fd, place)
      // Unlike root on its tmpfs, a plain user needs write permission to put files into a folder of his own.
      fs.fchmodSync(folder.fd, folderMode(place) | 0o200)
      fs.writeFileSync(`${folder.path}/${marker}`, "This folder is a volume of certlet.\n", { flag: "wx", mode: 0o400 })
    }),
  vacate: (spot) => Effect.asVoid(empty(spot, isMarked))
}

/** The source of certlet's mounts: what tells them from others in the mount table. */
export const source = "certlet"
/** More mounts than this on top of each other are somebody's loop, not a history of crashes. */
export const deepest = 32

/** Knows which folders are the roots of certlet's mounts. */
interface Ledger {
  readonly owns: Medium["owns"]
  /** Takes note of the mount that was just made, after a look at what now stands there. */
  readonly confirm: (spot: Spot, before: Folder) => Effect.Effect<void, VolumeError>
  readonly forget: (spot: Spot) => void
}

const makeLedger = (): Ledger => {
  // What decides is the mount table, or the mount just made. This spares reading the table, which costs milliseconds
  // with a thousand mounts, at each call.
  const known = new Map<string, string>()

  const learn = Effect.fnUntraced(function* (spot: Spot) {
    const ours = (yield* readMounts(spot)).filter(
      (mount) => mount.type === "tmpfs" && mount.source === source && mount.root === "/"
    )
    yield* attempt(spot, () => {
      known.clear()
      for (const { device, target } of ours) {
        const root = fs.lstatSync(target, { bigint: true, throwIfNoEntry: false })
        // Where another mount lies over ours the device differs, and what would be written to is not ours.
        if (root !== undefined && deviceOf(root.dev) === device) known.set(target, identityOf(root))
      }
    })
  })

  const owns = Effect.fnUntraced(function* (spot: Spot, folder: Folder) {
    const mayBe = yield* attempt(spot, () => folder.device !== spot.parent.device && isOnTmpfs(folder))
    if (!mayBe) return false
    if (known.get(spot.target) !== folder.identity) yield* learn(spot)
    return known.get(spot.target) === folder.identity
  })

  const confirm = (spot: Spot, before: Folder) =>
    withFolder(
      spot,
      Effect.fnUntraced(function* (found: Option.Option<Folder>) {
        const after = Option.getOrElse(found, () => before)
        if (after.device !== before.device && (yield* attempt(spot, () => isOnTmpfs(after)))) {
          return void known.set(spot.target, after.identity)
        }
        const detail = "mount(8) succeeded, but no new tmpfs is to be seen at the target"
        return yield* new VolumeError({ reason: "Io", action: spot.action, path: spot.target, detail })
      })
    )
  return { owns, confirm, forget: (spot) => void known.delete(spot.target) }
}

const optionsOf = (sizeLimit: number, place: VolumePlace): ReadonlyArray<string> => [
  `size=${sizeLimit}`,
  `mode=0${folderMode(place).toString(8)}`,
  ...Option.toArray(Option.map(place.group, (gid) => `gid=${gid}`)),
  ...Option.toArray(Option.map(ownerOf(place), (uid) => `uid=${uid}`)),
  // Nothing in the volume is ever run, nor gives rights, nor is a device.
  "noexec,nosuid,nodev",
  ...sortMountFlags(place.mountFlags).granted
]

/** A tmpfs per volume, no larger than `sizeLimit` bytes. */
export const makeTmpfsMedium = ({ mountTmpfs, unmount }: Mounter, sizeLimit: number): Medium => {
  const { confirm, forget, owns } = makeLedger()
  // The first mount that succeeds decides it for this kernel: nothing that happens later to a mount says anything about
  // swap.
  let swap: "unknown" | "kept out" | "possible" = "unknown"

  const mountWithoutSwap = (spot: Spot, folder: Folder, options: ReadonlyArray<string>) =>
    Effect.tap(mountTmpfs(spot, folder, [...options, "noswap"]), () => {
      swap = "kept out"
      return Effect.void
    })

  const mountSwappable = (spot: Spot, folder: Folder, options: ReadonlyArray<string>) =>
    Effect.tap(mountTmpfs(spot, folder, options), () => {
      if (swap === "possible") return Effect.void
      swap = "possible"
      return Effect.logWarning("this kernel knows no tmpfs without swap: on a node with swap keys may reach it")
    })

  /** Pages of a tmpfs may be swapped out, to a disk; with `noswap` (Linux 6.4) they may not. */
  const mountIt = (spot: Spot, folder: Folder, options: ReadonlyArray<string>) => {
    if (swap === "possible") return mountSwappable(spot, folder, options)
    const without = mountWithoutSwap(spot, folder, options)
    if (swap === "kept out") return without
    // Another option may be the unknown one, and then the mount fails without `noswap` too and teaches nothing.
    return Effect.catchIf(without, isUnknownOption, () => mountSwappable(spot, folder, options))
  }

  const medium: Medium = {
    durable: false,
    owns,
    occupy: (spot, folder, place) =>
      Effect.andThen(mountIt(spot, folder, optionsOf(sizeLimit, place)), confirm(spot, folder)),
    vacate: Effect.fnUntraced(function* (spot: Spot) {
      for (let i = 0; i < deepest && (yield* empty(spot, owns)); i++) {
        yield* unmount(spot)
        forget(spot)
      }
    })
  }
  return medium
}
