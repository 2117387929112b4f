/**
 * The program as it ships: the bundle, the files beside it and its compile cache, as in the image. Tests start it and
 * not the sources, because what users run is the bundle, and because it starts in a third of the time. It is built when
 * a source has changed, into a folder that is named for the sources; of two that would build, the second waits.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises"
import { dirname, join, relative, resolve } from "node:path"
import { promisify } from "node:util"
import { exclusively } from "./exclusively.ts"

const repository = resolve(import.meta.dirname, "..", "..")
const builds = join(repository, "node_modules/.cache/certlet")
const buildLimitMilliseconds = 600_000
/** Longer than a run of the tests that start a program. */
const keptMilliseconds = 30 * 60_000

const filesBelow = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** A name for the sources as they are: it is another one as soon as one of them has changed. */
const nameOfSources = async (): Promise<string> => {
  // The image lies beside the bundle, and is made again with it.
  const files = [...(await filesBelow("src")), ...(await filesBelow("k8s/image"))].sort()
  const others = ["build.ts", "nix/compileCache.ts", "package-lock.json"].map((name) => join(repository, name))
  const facts = await Promise.all(
    [...files, ...others].map(async (file) => {
      const { mtimeMs, size } = await stat(file)
      return `${relative(repository, file)} ${size} ${mtimeMs}`
    })
  )
  return createHash("sha256")
    .update([process.version, ...facts].join("\n"))
    .digest("hex")
    .slice(0, 16)
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

/** What was built of other sources goes; a tree whose dependencies are a link to these may still use a fresh one. */
const removeOld = async (): Promise<void> => {
  for (const entry of await readdir(builds)) {
    const folder = join(builds, entry)
    const age = Date.now() - (await stat(folder)).mtimeMs
    if (age > keptMilliseconds) await rm(folder, { recursive: true, force: true })
  }
}

/** Builds into a folder, which appears under its name when it is complete. */
const build = async (folder: string): Promise<void> => {
  if (existsSync(folder)) return
  await mkdir(builds, { recursive: true })
  await removeOld()
  const begun = `${folder}.partial`
  // What a killed build has left.
  await rm(begun, { recursive: true, force: true })
  await mkdir(begun, { recursive: true })
  await run("build.ts", "--programs", begun)
  const program = join(begun, "certlet.mjs")
  await run("--hash-seed=1", "--preserve-symlinks", "nix/compileCache.ts", program, compileCacheOf(program))
  await rename(begun, folder)
}

/** Resolves with the bundle's path; builds it where that has not been done for these sources. */
export const bundle = async (): Promise<string> => {
  const folder = join(builds, await nameOfSources())
  if (!existsSync(folder)) await exclusively(builds, buildLimitMilliseconds, () => build(folder))
  return join(folder, "certlet.mjs")
}
