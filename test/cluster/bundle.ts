// The program under test: `dist/certlet.mjs`, the one file that is shipped. The cluster tier runs that file and not the
// sources, because what users run is the bundle. It is built by the repository's own build script, and only when a source
// is younger than it, so that the test files of one run build it once. The tests of the tier run one file after the other,
// so nobody else builds at the same time.
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { promisify } from "node:util"

const repository = resolve(import.meta.dirname, "..", "..")
const buildLimitMilliseconds = 120_000

const modified = async (file: string): Promise<number> => (await stat(file)).mtimeMs

const youngestSource = async (): Promise<number> => {
  const entries = await readdir(join(repository, "src"), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const others = ["build.ts", "package-lock.json"].map((name) => join(repository, name))
  return Math.max(...(await Promise.all([...files, ...others].map(modified))))
}

/** Resolves with the bundle's path; builds it where it is missing or older than its sources. */
export const bundle = async (): Promise<string> => {
  const file = join(repository, "dist", "certlet.mjs")
  if (existsSync(file) && (await modified(file)) >= (await youngestSource())) return file
  await promisify(execFile)(process.execPath, ["build.ts"], { cwd: repository, timeout: buildLimitMilliseconds })
  return file
}
