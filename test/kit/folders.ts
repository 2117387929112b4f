/**
 * Folders of tests. Each is fresh, has a path without links and carries the name of what it is for; it goes with its
 * Effect scope or with the file of tests that asked for it. The cluster tier's folders outlive a killed test run, so
 * they have a keeper of their own: `cluster/ownFolder.ts`.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { afterAll } from "vitest"

/** A fresh folder below `parent`, the machine's temporary folder by default; its caller removes it. */
export const makeFolder = (kind: string, parent = tmpdir()): string =>
  realpathSync(mkdtempSync(join(parent, `certlet-${kind}-`)))

const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true })

/** A folder that goes with the scope. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => makeFolder("test")),
  (folder) => Effect.sync(() => removeFolder(folder))
)

/** A folder for all tests of a file, or of a group: it goes after the last of them. */
export const folderOfTests = (kind: string): string => {
  const folder = makeFolder(kind)
  afterAll(() => removeFolder(folder))
  return folder
}

/** A folder for one piece of work. */
export const inFolder = async <A>(kind: string, use: (folder: string) => A | Promise<A>): Promise<A> => {
  const folder = makeFolder(kind)
  try {
    return await use(folder)
  } finally {
    removeFolder(folder)
  }
}
