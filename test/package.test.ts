/**
 * The package as its users get it: packed by npm, installed by npm into an empty project, and used from there by a plain script,
 * by node:test and by vitest, with its types. The project's other dependencies are links to ours, so nothing is fetched; what
 * the package needs and does not declare is not there.
 */
import { type ExecFileException, execFile } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "..")
const folder = mkdtempSync(join(tmpdir(), "certlet-package-"))
const project = join(folder, "project")
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const limitMilliseconds = 120_000

/** Runs a program in a folder; a failure carries what it printed. */
const run = async (cwd: string, command: string, args: ReadonlyArray<string>): Promise<string> => {
  const env = { ...process.env, NO_COLOR: "1", npm_config_cache: join(folder, "cache") }
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env, timeout: limitMilliseconds - 10_000 })
    return stdout
  } catch (cause) {
    const { stderr, stdout } = cause as ExecFileException
    throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`, { cause })
  }
}

const node = (args: ReadonlyArray<string>) => run(project, process.execPath, args)
const dependency = (name: string) => join(root, "node_modules", name)

/** Packs a copy of the sources, as building in place would pull `dist` from under whoever runs it. */
const pack = async (): Promise<string> => {
  const copy = join(folder, "copy")
  const shipped = ["src", "README.md", "CHANGELOG.md", "LICENSE"]
  for (const name of [...shipped, "package.json", "tsconfig.json", "tsconfig.library.json", "build.ts"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  await run(copy, "npm", ["pack", "--silent", "--pack-destination", folder])
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "no tarball")
}

const manifest: { readonly dependencies: object; readonly peerDependencies: object } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8")
)

beforeAll(async () => {
  const tarball = await pack()
  mkdirSync(project)
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }))
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  const links = [...declared, "vitest", "typescript", "@types/node"].map(dependency)
  await run(project, "npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball, ...links])
}, limitMilliseconds)

describe("the package", () => {
  it("ships JavaScript with types and no TypeScript sources", () => {
    const files = readdirSync(join(project, "node_modules/certlet"), { recursive: true, encoding: "utf8" })
    expect(files).toContain("dist/certlet.mjs")
    expect(files).toContain("dist/library/testing/index.d.ts")
    expect(files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([])
  })

  it("has exactly its front doors", async () => {
    const script = `
      const open = (door) => import(door).then(() => "open", (error) => error.code)
      const doors = ["certlet", "certlet/testing", "certlet/package.json", "certlet/driver/Driver.ts"]
      const attributes = { with: { type: "json" } }
      console.log(JSON.stringify([
        await open(doors[0]),
        await open(doors[1]),
        (await import(doors[2], attributes)).default.name,
        await open(doors[3])
      ]))`
    const found = await node(["--input-type=module", "--eval", script])
    expect(JSON.parse(found)).toEqual(["open", "open", "certlet", "ERR_PACKAGE_PATH_NOT_EXPORTED"])
  })
})
