/**
 * Makes `dist/certlet.mjs`, the program as one file for Node; the files of `dist/` that it loads only when a command or
 * a setting needs them (`partsApart`); and `dist/library`, the modules behind the package's front doors as JavaScript
 * with their types. The same sources give the same bytes, whatever the folder, the clock, the locale and the umask
 * (test/package/reproducible.test.ts).
 */
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { build, type Metafile, type Plugin } from "esbuild"
import { type BundledPackage, budgetTable, bundledPackages, licenceTexts, objections } from "./k8s/image/bundled.ts"
import { billOf, partOf } from "./k8s/image/sbom.ts"

/**
 * A node's certlet is to be small, and is idle nearly always: V8 lets its old generation grow by a half between
 * collections, not by several times. A simulation wants speed and no such thing. It is done here and not by a flag, so
 * that every image and every start has it, and before the program itself is loaded.
 */
const lean = `import { setFlagsFromString as __setFlags } from "node:v8"
if (!["simulate", "demo"].includes(process.argv[2])) __setFlags("--heap-growing-percent=50")`

const require = `import { createRequire as __createRequire } from "node:module"
const require = __createRequire(import.meta.url)`

const program = `#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write("certlet needs Node 24 or newer, this is " + process.version + "\\n")
  process.exit(1)
}
${lean}
${require}`

/**
 * What a node's process hardly ever needs stays out of its file, and so out of its memory: modules that become files of
 * their own, each with whatever it imports. What crosses is plain, because each file has its own copy of Effect.
 */
const partsApart = [
  ["certlet-simulate.mjs", "src/commands/simulate/simulateOrder.ts"],
  ["certlet-demo.mjs", "src/commands/demo/playOnce.ts"],
  ["certlet-yaml.mjs", "src/commands/check/yaml.ts"],
  ["certlet-kubeconfig.mjs", "src/kube/KubeClientConfig.ts"],
  ["certlet-kubectl.mjs", "src/commands/kubectl/NodeKubectlPlugin.ts"]
] as const

const apart = ([file, entry]: (typeof partsApart)[number]): Plugin => ({
  name: file,
  setup: ({ onResolve }) =>
    onResolve({ filter: new RegExp(`/${basename(entry)}$`) }, ({ kind }) =>
      kind === "dynamic-import" ? { path: `./${file}`, external: true } : undefined
    )
})

const fromClient = /[/\\\\]@kubernetes[/\\\\]client-node[/\\\\]/

/**
 * Of client-node only its reading of credentials is used: its models, its clients, and undici behind them would lie in
 * every node's memory for nothing. A module of it stays where something of it is used.
 */
const leanClient: Plugin = {
  name: "lean client",
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^@kubernetes\/client-node$/ }, async ({ importer, kind, path, pluginData, resolveDir }) => {
      if (pluginData === leanClient) return undefined
      const found = await resolve(path, { importer, kind, resolveDir, pluginData: leanClient })
      return found.errors.length > 0 ? { errors: found.errors } : { path: found.path, sideEffects: false }
    })
    // Its modules name each other in full: there is nothing to look for, a thousand times.
    onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ importer, path, resolveDir }) =>
      fromClient.test(importer) ? { path: join(resolveDir, path), sideEffects: false } : undefined
    )
  }
}

/**
 * Packages that others ask for and that certlet never uses, with their names: undici is client-node's (our calls go
 * over node:https), proto-loader is for services of grpc-js that certlet does not serve. What is called says what is
 * missing.
 */
const namesAbsent: Readonly<Record<string, ReadonlyArray<string>>> = {
  undici: ["Agent", "ProxyAgent", "fetch"],
  "@grpc/proto-loader": ["loadSync"]
}

const absent: Plugin = {
  name: "absent",
  setup: ({ onLoad, onResolve }) => {
    const filter = new RegExp(`^(${Object.keys(namesAbsent).join("|")})$`)
    onResolve({ filter }, ({ path }) => ({ path, namespace: "absent" }))
    onLoad({ filter, namespace: "absent" }, ({ path }) => ({
      contents: `const absent = () => { throw new Error("${path} is not in this program") }
        module.exports = { ${(namesAbsent[path] ?? []).map((name) => `${name}: absent`).join(", ")} }`
    }))
  }
}

/**
 * An import of node:http makes Node evaluate everything that the module exports, undici and web streams for its
 * WebSocket included: 40 ms of processor time and 2.6 MB at each start. A require evaluates what is used.
 */
const leanHttp: Plugin = {
  name: "lean http",
  setup: ({ onLoad, onResolve }) => {
    const filter = /^node:http$/
    onResolve({ filter }, ({ kind, path }) =>
      kind === "import-statement" ? { path, namespace: "required" } : undefined
    )
    onLoad({ filter, namespace: "required" }, ({ path }) => ({ contents: `module.exports = require("${path}")` }))
  }
}

type Inputs = Metafile["outputs"][string]["inputs"]

const bundle = async (entry: string, name: string, banner: string, plugins: Array<Plugin>): Promise<Inputs> => {
  const outfile = join(folder, name)
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    // Names would cost a node 4 MiB, and time wherever a function is made: `npm run trace` has them.
    minify: true,
    sourcemap: withMaps && "external",
    legalComments: "none",
    // One letter beyond Latin would make V8 keep the whole text in twice the memory.
    charset: "ascii",
    banner: { js: banner },
    plugins,
    metafile: true,
    write: !onlyLooks,
    logLevel: "warning"
  })
  if (!onlyLooks) process.stdout.write(`${outfile}  ${(statSync(outfile).size / 1e6).toFixed(2)} MB\n`)
  return Object.entries(metafile.outputs).find(([path]) => path.endsWith(name))?.[1].inputs ?? {}
}

/** `node build.ts --look` writes nothing, and fails where something must not be shipped: a part of `npm run check`. */
const onlyLooks = process.argv.includes("--look")

/**
 * `--maps certlet.mjs` writes that program and, beside it, which place of the sources each of its places is
 * (`npm run trace`).
 */
const withMaps = process.argv.includes("--maps")

/** `node build.ts --programs FOLDER` writes the programs alone, into that folder: what tests start as processes. */
const [folder = "dist"] = process.argv.includes("--programs") ? process.argv.slice(-1).map((path) => resolve(path)) : []

const jsonOf = <A>(path: string): A => JSON.parse(readFileSync(path, "utf8"))

/** Says what a bundle holds of other people's packages, and ends the build where it may not. */
const look = (name: string, inputs: Inputs): ReadonlyArray<BundledPackage> => {
  const packages = bundledPackages(inputs)
  const budget = jsonOf<Record<string, Record<string, number>>>("k8s/image/budget.json")[`dist/${name}`] ?? {}
  const found = objections(packages, budget)
  if (!onlyLooks) process.stdout.write(`${budgetTable(packages, budget)}\n`)
  if (found.length > 0) {
    process.stderr.write(`dist/${name} may not be shipped:\n${found.join("\n")}\n`)
    process.exit(1)
  }
  return packages
}

/** Writes the licences and the bill of materials of all that is bundled beside the bundles. */
const account = (packages: ReadonlyArray<BundledPackage>): void => {
  const { license, name, version } = jsonOf<{ license: string; name: string; version: string }>("package.json")
  const lock = jsonOf<{ packages: Record<string, { integrity?: string }> }>("package-lock.json").packages
  const parts = new Map(packages.map((one) => [one.name, partOf(one, lock[`node_modules/${one.name}`]?.integrity)]))
  const whole = { name, version, license, purl: `pkg:npm/${name}@${version}` }
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES.txt"), licenceTexts(packages))
  writeFileSync(join(folder, "sbom.cdx.json"), billOf(whole, "application", [...parts.values()]))
}

process.chdir(import.meta.dirname)
// npm packs files with the modes that they have.
process.umask(0o022)
const plugins = [...partsApart.map(apart), absent, leanClient, leanHttp]
const programs = [
  ["certlet.mjs", "src/main.ts", program],
  ...partsApart.map((part) => [...part, require] as const)
] as const
const packages: Array<BundledPackage> = []
for (const [file, entry, banner] of programs) {
  if (withMaps && !process.argv.includes(file)) continue
  packages.push(...look(file, await bundle(entry, file, banner, plugins)))
}
if (onlyLooks || withMaps) process.exit(0)
chmodSync(join(folder, "certlet.mjs"), 0o755)
account(packages)
if (folder !== "dist") process.exit(0)

// Modules stay apart here, because Effect must be the importing project's own: two copies would not know each other's
// services.
rmSync("dist/library", { recursive: true, force: true })
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "--project", "tsconfig.library.json"], {
  stdio: "inherit"
})
process.stdout.write("dist/library\n")
