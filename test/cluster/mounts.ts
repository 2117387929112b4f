// The mounts of this machine, as the kernel tells them in /proc/self/mountinfo (proc(5)): what a test compares before
// and after, and how it looks at a volume's own mount. Leftovers are detached with umount(8), so that a failed test
// leaves the machine as it found it.
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"

export interface Mount {
  readonly path: string
  readonly type: string
  /** Those of the mount and those of the file system together: "noexec", "size=1024k" ... */
  readonly options: ReadonlyArray<string>
}

// Blanks and backslashes of a path are written in octal.
const unescapePath = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The mounts at or below a path in a mount table. */
export const parseMounts = (table: string, path: string): ReadonlyArray<Mount> => {
  const mounts = table
    .trimEnd()
    .split("\n")
    .map((line): Mount => {
      const [own = "", superblock = ""] = line.split(" - ")
      const [, , , , mountPoint = "", ownOptions = ""] = own.split(" ")
      const [type = "", , superblockOptions = ""] = superblock.split(" ")
      return { path: unescapePath(mountPoint), type, options: [ownOptions, superblockOptions].join(",").split(",") }
    })
  return mounts.filter((mount) => mount.path === path || mount.path.startsWith(`${path}/`))
}

/** Every mount of this machine at or below a path. */
export const mountsUnder = async (path: string): Promise<ReadonlyArray<Mount>> =>
  parseMounts(await readFile("/proc/self/mountinfo", "utf8"), path)

/** Detaches whatever is still mounted at or below a path. */
export const unmountAll = async (path: string): Promise<void> => {
  for (const mount of await mountsUnder(path)) {
    await promisify(execFile)("umount", ["--lazy", mount.path], { timeout: 10_000 })
  }
}
