/**
 * The node's mounts: the kernel's table of them, and the two programs that change it. Node has no call for mount(2), so
 * mount(8) and umount(8) of util-linux are run. The folder to mount on is named by this process's open file, not by its
 * path, so that no link can be slipped in between the check and the mount. Nothing here knows what a volume is.
 */
import * as fs from "node:fs"
import { Effect, Schedule, type Scope } from "effect"
import { attempt, type Folder, type Spot } from "./NodeFolder.ts"
import { makeRunner } from "./NodeRunner.ts"
import type { VolumeError } from "./VolumeFS.ts"

/** One line of the kernel's mount table (proc_pid_mountinfo(5)), as far as certlet reads it. */
export interface Mount {
  /** Where it is mounted, as this process sees it. */
  readonly target: string
  /** `major:minor`. */
  readonly device: string
  /** The folder of the mounted file system that is shown; `/` but for bind mounts. */
  readonly root: string
  readonly type: string
  /** What was named as the device, as with `mount -t tmpfs certlet /target`. */
  readonly source: string
}

/** Reads a mount table. Space, tab, newline and backslash stand in it as octal escapes. */
export const parseMounts = (table: string): ReadonlyArray<Mount> =>
  table.split("\n").flatMap((line) => {
    const fields = line.split(" ")
    // The number of optional fields varies; a lone hyphen ends them.
    const end = fields.indexOf("-", 6)
    const [, , device, root, target] = fields
    const [type, source] = fields.slice(end + 1)
    if (end < 0 || !device || !root || !target || !type || source === undefined) return []
    return [{ device, root: unescaped(root), target: unescaped(target), type, source: unescaped(source) }]
  })

const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/**
 * The mount table of this moment. Costs about 1.4 ms with 1,000 mounts, so it is read only where nothing else can tell.
 */
export const readMounts = (spot: Spot): Effect.Effect<ReadonlyArray<Mount>, VolumeError> =>
  attempt(spot, () => parseMounts(fs.readFileSync("/proc/self/mountinfo", "utf8")))

/** statfs(2)'s f_type of a tmpfs. */
const tmpfsMagic = 0x01021994

/** True where the open folder is on a tmpfs. */
export const isOnTmpfs = (folder: Folder): boolean => fs.statfsSync(folder.path).type === tmpfsMagic

/** The two ways to change the mount table. */
export interface Mounter {
  /** Mounts a tmpfs with these options on the open folder. */
  readonly mountTmpfs: (spot: Spot, folder: Folder, options: ReadonlyArray<string>) => Effect.Effect<void, VolumeError>
  /** Unmounts what is on top at the target. */
  readonly unmount: (spot: Spot) => Effect.Effect<void, VolumeError>
}

/**
 * The open folder as mount(8) can name it. It ends in `/.`, because move_mount(2), which util-linux calls since 2.39,
 * does not follow a link at the end of a path, and the kernel's name of an open file is one.
 */
const openFolder = ({ fd }: Folder): string => `/proc/${process.pid}/fd/${fd}/.`

/** A mounter whose mounts are named `source`. */
export const makeMounter = Effect.fnUntraced(function* (source: string): Effect.fn.Return<Mounter, never, Scope.Scope> {
  // -i: no helper programs, -n: no /etc/mtab, -c: the path is to be taken as it is, because it names an open file.
  const first = ["-i", "-n", "-c", "-t", "tmpfs", source, "-o"]
  const mount = yield* makeRunner({ program: "mount", first, count: 2, together: 1 })
  // Without -c, or umount(8) would read the whole mount table each time.
  const umount = yield* makeRunner({ program: "umount", first: ["-i", "-n"], count: 1, together: 16 })
  return {
    mountTmpfs: (spot, folder, options) => mount.run(spot, [options.join(","), openFolder(folder)]),
    unmount: (spot) =>
      umount.run(spot, [spot.target]).pipe(
        Effect.catchIf(isBusy, () => Effect.retry(umount.runDirectly(spot, [spot.target]), untilFree)),
        // certlet's files are gone by now, and a pod that cannot end is worse than a mount that ends with its last
        // user.
        Effect.catchIf(isBusy, () =>
          Effect.andThen(
            Effect.logWarning(`${JSON.stringify(spot.target)} stays in use and is detached`),
            umount.runDirectly(spot, ["-l", spot.target])
          )
        )
      )
  }
})

const isBusy = (error: VolumeError): boolean => error.reason === "Busy"

const untilFree = { while: isBusy, times: 3, schedule: Schedule.exponential("20 millis") }
