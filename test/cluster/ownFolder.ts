// Folders of a test that are cleared away even where the test could not do it: each is named after the process that
// made it, and the next one of its kind takes away those of processes that have ended, with whatever is still mounted
// there.
import { existsSync } from "node:fs"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unmountAll } from "./mounts.ts"

/** True for the name of a thing of this kind whose process has ended. */
export const isLeftBehind = (kind: string, name: string): boolean => {
  const pid = name.startsWith(kind) ? name.slice(kind.length).match(/^(\d+)-/)?.[1] : undefined
  return pid !== undefined && !existsSync(`/proc/${pid}`)
}

/** A fresh folder of a kind ("certlet-machine-") below `parent`, the machine's temporary folder by default. */
export const ownFolder = async (kind: string, parent: string = tmpdir()): Promise<string> => {
  for (const name of await readdir(parent)) {
    if (!isLeftBehind(kind, name)) continue
    await unmountAll(join(parent, name))
    await rm(join(parent, name), { recursive: true, force: true })
  }
  return mkdtemp(join(parent, `${kind}${process.pid}-`))
}
