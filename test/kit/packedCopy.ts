// A copy of the sources in a folder of its own, packed there by npm: building in place would pull `dist` from under
// whoever runs it. The copy's dependencies are links to the installed ones, so nothing is fetched. What the
// surroundings are (the Node that builds, environment, umask, the files' times) is the caller's to say.
import { type ExecFileException, execFile } from "node:child_process"
import { cpSync, lutimesSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "../..")
const shipped = ["src", "README.md", "CHANGELOG.md", "LICENSE"]
const needed = ["package.json", "tsconfig.json", "tsconfig.library.json", "build.ts", "package-lock.json", "k8s/image"]

/** More than a busy machine takes to build and pack. */
export const packLimitMilliseconds = 600_000

/** Runs a program in a folder; a failure carries what it printed. */
export const run = async (
  cwd: string,
  command: string,
  args: ReadonlyArray<string>,
  environment: NodeJS.ProcessEnv = {}
): Promise<string> => {
  const env = { ...process.env, NO_COLOR: "1", ...environment }
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env, timeout: packLimitMilliseconds - 10_000 })
    return stdout
  } catch (cause) {
    const { stderr, stdout } = cause as ExecFileException
    throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`, { cause })
  }
}

export interface Surroundings {
  /** Where the sources are; the repository, unless a copy of it is meant. */
  readonly sources: string
  /** The Node that npm and the build run on. */
  readonly node: string
  readonly environment: NodeJS.ProcessEnv
  readonly umask: string
  /** When the sources were last changed, as their files say. */
  readonly changed: Date
}

/** Copies the sources into `folder/copy`, packs them there, and resolves with the tarball's path. */
export const packedCopy = async (folder: string, given: Partial<Surroundings> = {}): Promise<string> => {
  const { sources = root, node = process.execPath, environment = {}, umask = "022", changed = new Date() } = given
  const copy = join(folder, "copy")
  for (const name of [...shipped, ...needed]) cpSync(join(sources, name), join(copy, name), { recursive: true })
  for (const path of readdirSync(copy, { recursive: true, encoding: "utf8" })) {
    lutimesSync(join(copy, path), changed, changed)
  }
  // npm puts this folder's programs before all others: its `node` is the one that builds.
  mkdirSync(join(copy, "node_modules", ".bin"), { recursive: true })
  symlinkSync(node, join(copy, "node_modules", ".bin", "node"))
  for (const name of readdirSync(join(root, "node_modules")).filter((name) => !name.startsWith("."))) {
    symlinkSync(join(root, "node_modules", name), join(copy, "node_modules", name))
  }
  const pack = `umask ${umask} && exec npm pack --silent --pack-destination "$1"`
  const PATH = `${join(copy, "node_modules", ".bin")}:${process.env.PATH}`
  const own = { PATH, npm_config_cache: join(folder, "cache"), ...environment }
  await run(copy, "sh", ["-c", pack, "sh", folder], own)
  rmSync(join(folder, "cache"), { recursive: true, force: true })
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "no tarball")
}
