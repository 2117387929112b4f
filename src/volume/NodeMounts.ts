/**
 * The node's mounts: the kernel's table of them, and the two programs that change it. Node has no call for mount(2), so
 * mount(8) and umount(8) of util-linux are run, with an array of arguments and never a shell. The folder to mount on is
 * handed over as an open file, so that no link can be slipped in between the check and the mount. Nothing here knows what
 * a volume is.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { Effect, Schedule } from "effect"
import { attempt, type Folder, type Spot } from "./NodeFolder.ts"
import { VolumeError } from "./VolumeFS.ts"

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

/** The mount table of this moment. Costs about 1.4 ms with 1,000 mounts, so it is read only where nothing else can tell. */
export const readMounts = (spot: Spot): Effect.Effect<ReadonlyArray<Mount>, VolumeError> =>
  attempt(spot, () => parseMounts(fs.readFileSync("/proc/self/mountinfo", "utf8")))

/** statfs(2)'s f_type of a tmpfs. */
const tmpfsMagic = 0x01021994

/** True where the open folder is on a tmpfs. */
export const isOnTmpfs = (folder: Folder): boolean => fs.statfsSync(folder.path).type === tmpfsMagic

/** Mounts a tmpfs with these options on the open folder. The third argument becomes the mount's source. */
export const mountTmpfs = (spot: Spot, folder: Folder, source: string, options: ReadonlyArray<string>) =>
  // -i: no helper programs, -n: no /etc/mtab, -c: the path is to be taken as it is, as the name of open file 3.
  run(spot, "mount", ["-i", "-n", "-c", "-t", "tmpfs", "-o", options.join(","), source, "/proc/self/fd/3"], folder.fd)

/**
 * Unmounts what is on top at the target. A mount that stays in use is detached after some tries: its files are gone by then,
 * and a pod that cannot end is worse than a mount that ends with its last user.
 */
export const unmount = (spot: Spot): Effect.Effect<void, VolumeError> =>
  run(spot, "umount", ["-i", "-n", spot.target]).pipe(
    Effect.retry({ while: (error) => error.reason === "Busy", times: 4, schedule: Schedule.exponential("10 millis") }),
    Effect.catchIf(
      (error) => error.reason === "Busy",
      () =>
        Effect.logWarning(`${JSON.stringify(spot.target)} stays in use and is detached`).pipe(
          Effect.andThen(run(spot, "umount", ["-i", "-n", "-l", spot.target]))
        )
    )
  )

/** Where the programs are looked for; not on PATH, so that nobody else decides what root runs. The last two are NixOS's. */
const folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin", "/run/current-system/sw/bin"]

const found = new Map<string, string>()

const locate = (program: string): string | undefined => {
  const known =
    found.get(program) ?? folders.map((folder) => `${folder}/${program}`).find((path) => fs.existsSync(path))
  if (known !== undefined) found.set(program, known)
  return known
}

/** Neither program waits for a device when it deals with a tmpfs; one that takes this long is stuck. */
const patienceMillis = 10_000

const run = (spot: Spot, program: string, args: ReadonlyArray<string>, handle?: number) =>
  Effect.callback<void, VolumeError>((resume) => {
    const path = locate(program)
    if (path === undefined)
      return resume(Effect.fail(refusal(spot, `there is no ${program}(8) in ${folders.join(", ")}`)))
    const child = spawn(path, args, {
      // The texts that are read below are those of the C locale.
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "ignore", "pipe", handle ?? "ignore"],
      timeout: patienceMillis,
      killSignal: "SIGKILL"
    })
    const said: Array<string> = []
    child.stderr?.setEncoding("utf8").on("data", (text: string) => said.push(text))
    child.on("error", (cause) => resume(Effect.fail(refusal(spot, cause.message))))
    // A success needs no words, so it does not wait until the pipe is drained.
    child.on("exit", (code) => code === 0 && resume(Effect.void))
    child.on("close", (code, signal) =>
      resume(Effect.fail(refusal(spot, said.join("").trim() || `${program}(8) ended with ${signal ?? code}`)))
    )
  }).pipe(Effect.uninterruptible)

/** mount(8)'s exit codes tell too little, so that its words (from libc's strerror) have to be read. */
const refusal = ({ action, target }: Spot, said: string) => {
  const reason = /busy/.test(said)
    ? "Busy"
    : /permission denied|not permitted|must be superuser|only root|there is no u?mount/i.test(said)
      ? "NotPermitted"
      : /no space|cannot allocate/i.test(said)
        ? "Full"
        : "Io"
  return new VolumeError({ reason, action, path: target, detail: said })
}
