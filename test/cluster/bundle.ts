// The program under test: `dist/certlet.mjs`, the one file that is shipped, and beside it its compile cache, as in the
// image. The cluster tier runs that file and not the sources, because what users run is the bundle. It is built by the
// repository's own scripts, and only when a source is younger than it, so that the test files of one run build it once.
// The tests of the tier run one file after the other, so nobody else builds at the same time.
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { copyFile, mkdir, readdir, rm, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"
import { shippedFiles } from "../../k8s/image/bundled.ts"

const repository = resolve(import.meta.dirname, "..", "..")
const place = join(repository, "node_modules/.cache/certlet")
const buildLimitMilliseconds = 600_000

const modified = async (file: string): Promise<number> => (await stat(file)).mtimeMs

const filesBelow = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

const youngestSource = async (): Promise<number> => {
  // The image lies beside the bundle, and is made again with it.
  const files = [...(await filesBelow("src")), ...(await filesBelow("k8s/image"))]
  const others = ["build.ts", "nix/compileCache.ts", "package-lock.json"].map((name) => join(repository, name))
  return Math.max(...(await Promise.all([...files, ...others].map(modified))))
}

const run = (...args: ReadonlyArray<string>) =>
  promisify(execFile)(process.execPath, args, { cwd: repository, timeout: buildLimitMilliseconds })

/** The folder of a program's compile cache. */
const compileCacheOf = (program: string): string => join(dirname(program), "compile-cache")

/** What a process needs in its environment to start from the compile cache of its program. */
export const compileCacheEnvironment = (program: string) => ({
  NODE_COMPILE_CACHE: compileCacheOf(program),
  NODE_COMPILE_CACHE_PORTABLE: "1"
})

/** Resolves with the bundle's path; builds it where it is missing or older than its sources. */
export const bundle = async (): Promise<string> => {
  const file = join(place, "certlet.mjs")
  if (existsSync(compileCacheOf(file)) && (await modified(file)) >= (await youngestSource())) return file
  await run("build.ts")
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { recursive: true })
  for (const name of shippedFiles) await copyFile(join(repository, "dist", name), join(place, name))
  await run("--hash-seed=1", "--preserve-symlinks", "nix/compileCache.ts", file, compileCacheOf(file))
  return file
}
