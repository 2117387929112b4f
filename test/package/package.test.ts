/**
 * The package as its users get it: packed by npm, installed by npm into an empty project, and used from there by a
 * plain script, by node:test and by vitest, with its types. The project's other dependencies are links to ours, so
 * nothing is fetched; what the package needs and does not declare is not there.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { folderOfTests } from "../kit/folders.ts"
import { named } from "../kit/needs.ts"
import { packedCopy, packLimitMilliseconds, run } from "../kit/packedCopy.ts"

const root = join(import.meta.dirname, "../..")
const folder = folderOfTests("package")
const project = join(folder, "project")

/** A Node that is older than the package's, where the machine has one. */
const olderNode = ["/usr/local/bin/node", "/usr/bin/node"].find((path) => {
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" })
  return /^v(1\d|2[0-3])\./.test(stdout ?? "")
})

const node = (args: ReadonlyArray<string>) => run(project, process.execPath, args)
const dependency = (name: string) => join(root, "node_modules", name)

const manifest: { readonly dependencies: object; readonly peerDependencies: object } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8")
)

beforeAll(async () => {
  const tarball = await packedCopy(folder)
  mkdirSync(project)
  cpSync(join(root, "test/examples"), join(project, "examples"), { recursive: true })
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }))
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  const links = [...declared, "vitest", "typescript", "@types/node"].map(dependency)
  const install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball, ...links]
  await run(project, "npm", install, { npm_config_cache: join(folder, "cache") })
}, packLimitMilliseconds)

const saysWhichNode = "says on an older Node which one it needs"

describe("the package", () => {
  it("ships JavaScript with types and no TypeScript sources", () => {
    const files = readdirSync(join(project, "node_modules/certlet"), { recursive: true, encoding: "utf8" })
    expect(files).toContain("dist/certlet.mjs")
    expect(files).toContain("dist/library/testing/index.d.ts")
    const readme = readFileSync(join(root, "src/testing/README.md"), "utf8")
    const programs = files.filter((name) => /^dist\/[^/]+\.mjs$/.test(name))
    expect(programs.filter((name) => !readme.includes(name.slice("dist/".length)))).toEqual([])
    expect(files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([])
  })

  it("has exactly its front doors", async () => {
    const script = `
      const open = (door) => import(door).then(() => "open", (error) => error.code)
      const doors = ["certlet", "certlet/testing", "certlet/cluster", "certlet/package.json", "certlet/driver/Driver.ts"]
      const attributes = { with: { type: "json" } }
      console.log(JSON.stringify([
        await open(doors[0]),
        await open(doors[1]),
        await open(doors[2]),
        (await import(doors[3], attributes)).default.name,
        await open(doors[4])
      ]))`
    const found = await node(["--input-type=module", "--eval", script])
    expect(JSON.parse(found)).toEqual(["open", "open", "open", "certlet", "ERR_PACKAGE_PATH_NOT_EXPORTED"])
  })

  it.skipIf(olderNode === undefined)(named(olderNode !== undefined, "needs an older Node", saysWhichNode), async () => {
    const open = (door: string) => run(project, String(olderNode), ["--eval", `import("${door}")`])
    for (const door of ["certlet", "certlet/testing", "certlet/cluster"]) {
      await expect(open(door)).rejects.toThrow(/certlet needs Node 24 or newer, and this is Node \d+\./)
    }
  })

  it(
    "has types that a strict project checks whole, with those of all examples",
    async () => {
      const compilerOptions = {
        target: "es2024",
        module: "nodenext",
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        skipLibCheck: false
      }
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["examples"] }))
      await node(["node_modules/typescript/bin/tsc", "--project", "."])
    },
    packLimitMilliseconds
  )

  it(
    "simulates clusters under vitest",
    async () => {
      const vitest = ["node_modules/vitest/vitest.mjs", "run", "--dir", "examples", "--testTimeout", "60000"]
      expect(await node([...vitest, "vitest", "effect"])).toMatch(/Tests {2}2 passed/)
    },
    packLimitMilliseconds
  )

  it(
    "simulates clusters in plain JavaScript under node:test",
    async () => {
      expect(await node(["--test", "examples/plain.test.js"])).toMatch(/^. pass 2\n. fail 0$/m)
    },
    packLimitMilliseconds
  )

  it(
    "simulates clusters under node:test, with an issuer and an invariant of the project's own",
    async () => {
      expect(await node(["--test", "examples/node.test.ts"])).toMatch(/^. pass 3\n. fail 0$/m)
    },
    packLimitMilliseconds
  )

  it(
    "has a cluster for integration tests",
    async () => {
      expect(await node(["--test", "examples/cluster.test.ts"])).toMatch(/^. pass 1\n. fail 0$/m)
    },
    packLimitMilliseconds
  )

  it(
    "runs the driver over services of the project's own",
    async () => {
      expect(await node(["--test", "examples/driver.test.ts"])).toMatch(/^. pass 1\n. fail 0$/m)
    },
    packLimitMilliseconds
  )

  it(
    "simulates clusters in a plain script, with a fault and an edge of the project's own",
    async () => {
      const found = await node(["examples/script.ts"])
      expect(found.trim().split("\n")).toEqual(
        [1, 2, 3].map((seed) => expect.stringMatching(`^story ${seed}: passed after`))
      )
    },
    packLimitMilliseconds
  )

  it("is shown in its README by examples that run", () => {
    const readme = readFileSync(join(root, "src/testing/README.md"), "utf8")
    const shown = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code)
    const runs = ["vitest", "effect"].map((name) => readFileSync(join(root, `test/examples/${name}.test.ts`), "utf8"))
    expect(shown).toEqual(runs)
  })
})
