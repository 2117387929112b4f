// The least time in which anybody on this machine starts a Node process, and in which anybody unmounts a tmpfs: what a
// driver's start and its unpublishes are divided by. They are taken right before those, because on a busy machine an
// unmount takes a hundred times longer than on a quiet one, and for everybody.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "./takeTurns.ts"

const starts = 5
const mounts = 100

/** Mounts and unmounts in a namespace of its own; prints the microseconds of each unmount. */
const unmountAll = `
  for one in $(seq ${mounts}); do mkdir "$0/$one" && mount -i -n -t tmpfs bare "$0/$one" || exit 1; done
  for one in $(seq ${mounts}); do
    begun=\${EPOCHREALTIME/./}
    umount -i -n "$0/$one" || exit 1
    echo $((\${EPOCHREALTIME/./} - begun))
  done`

const run = (command: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`, { cause: error })
  return stdout
}

/** The median of a few starts, in milliseconds. */
export const bareStart = (): number =>
  median(
    Array.from({ length: starts }, () => {
      const begun = performance.now()
      run(process.execPath, "-e", "0")
      return performance.now() - begun
    })
  )

/** The median of many unmounts, one after the other, in milliseconds. */
export const bareUnmount = (): number => {
  const folder = mkdtempSync(join(tmpdir(), "certlet-bench-"))
  const times = run("unshare", "--mount", "bash", "-c", unmountAll, folder).trim().split("\n").map(Number)
  rmSync(folder, { recursive: true })
  return median(times) / 1000
}
