// Builds the programs of the cluster tier once, from Go modules, into a cache folder outside the repository:
// $CERTLET_CACHE, else $XDG_CACHE_HOME/certlet, else ~/.cache/certlet. A program's name in the cache ends in a hash of
// everything that decides what it is (the module's files, the Go version, the flags), so a change builds again and
// nothing is ever overwritten. A program appears under its name only when it is complete, and of two builds at once the
// second waits for the first. Run it by itself to fill the cache: `node test/cluster/build.ts`; with empty Go caches
// that takes some minutes (kube-apiserver by far the longest), later runs take well under a second.
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { basename, join, relative, resolve } from "node:path"
import { promisify } from "node:util"
import { exclusively } from "../kit/exclusively.ts"

/** Absolute paths of what the cluster tier runs; `crds` is a folder of cert-manager's YAML files. */
export interface Tools {
  readonly kubeApiserver: string
  readonly kubelet: string
  readonly etcd: string
  readonly certManager: string
  readonly floor: string
  readonly crds: string
}

interface Program {
  readonly name: string
  /** The folder under tools/ with the go.mod. */
  readonly module: string
  readonly package: string
  /** The module whose version the program reports about itself, in variables that the linker sets. */
  readonly reportsVersionOf?: string
}

const programs = {
  kubeApiserver: {
    name: "kube-apiserver",
    module: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    reportsVersionOf: "k8s.io/kubernetes"
  },
  kubelet: {
    name: "kubelet",
    module: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kubelet",
    reportsVersionOf: "k8s.io/kubernetes"
  },
  etcd: { name: "etcd", module: "etcd", package: "go.etcd.io/etcd/server/v3" },
  certManager: { name: "certmanager", module: "certmanager", package: "." },
  floor: { name: "floor", module: "certmanager", package: "./floor" },
  helm: { name: "helm", module: "helm", package: "helm.sh/helm/v4/cmd/helm" },
  promtool: { name: "promtool", module: "prometheus", package: "github.com/prometheus/prometheus/cmd/promtool" }
} as const satisfies Record<string, Program>

const buildLimitMilliseconds = 60 * 60_000
const toolsFolder = join(import.meta.dirname, "tools")
const run = promisify(execFile)

const go = async (module: string, ...args: ReadonlyArray<string>): Promise<string> => {
  // A workspace, default flags or a C compiler of the machine must not change what is built.
  const environment = { ...process.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "" }
  const { stdout } = await run("go", args, {
    cwd: join(toolsFolder, module),
    env: environment,
    timeout: buildLimitMilliseconds,
    maxBuffer: 64 * 1024 * 1024
  })
  return stdout.trim()
}

const cacheFolder = (): string => {
  const { CERTLET_CACHE, XDG_CACHE_HOME } = process.env
  const root = CERTLET_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "certlet")
  return resolve(root, "cluster-tools")
}

const filesOf = async (module: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(join(toolsFolder, module), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return files.sort()
}

const hashOf = async (module: string, ...facts: ReadonlyArray<string>): Promise<string> => {
  const hash = createHash("sha256").update(JSON.stringify(facts))
  for (const file of await filesOf(module)) {
    hash.update(`\0${relative(toolsFolder, file)}\0`).update(await readFile(file))
  }
  return hash.digest("hex").slice(0, 16)
}

/** The linker's flags: no symbols, and the version (without it the API server reports v0.0.0). */
const linkerFlags = async (program: Program): Promise<string> => {
  const strip = "-s -w"
  if (program.reportsVersionOf === undefined) return strip
  const goMod = await readFile(join(toolsFolder, program.module, "go.mod"), "utf8")
  const version = goMod.split(`${program.reportsVersionOf} `)[1]?.match(/^v(\d+)\.(\d+)\.\d+/)
  if (version === undefined || version === null) throw new Error(`${program.module}/go.mod has no version to report`)
  const [whole, major, minor] = version
  const variable = "k8s.io/component-base/version"
  return `${strip} -X ${variable}.gitVersion=${whole} -X ${variable}.gitMajor=${major} -X ${variable}.gitMinor=${minor}`
}

/** Makes `file` with `make`, which is given a name of its own to write to; the rename is what makes it visible. */
const produce = async (file: string, make: (partial: string) => Promise<void>): Promise<void> => {
  if (existsSync(file)) return
  const partial = `${file}.partial-${process.pid}`
  const start = performance.now()
  console.log(`building ${basename(file)} ...`)
  try {
    await make(partial)
    await rename(partial, file)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  console.log(`built ${basename(file)} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

/** Removes what a killed build has left; only whoever holds the lock may. */
const removePartials = async (folder: string): Promise<void> => {
  const left = (await readdir(folder)).filter((name) => name.includes(".partial-"))
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true })
}

/** What the linker throws away is not made: a build from nothing takes a seventh less processor time. */
const compilerFlags = "-gcflags=all=-dwarf=false"

const programFile = async (folder: string, program: Program, goVersion: string) => {
  const flags = ["-trimpath", "-buildvcs=false", compilerFlags, "-ldflags", await linkerFlags(program)]
  const hash = await hashOf(program.module, program.package, goVersion, ...flags)
  const file = join(folder, `${program.name}-${hash}`)
  const make = async (partial: string) => {
    await go(program.module, "build", ...flags, "-o", partial, program.package)
  }
  return { file, make }
}

/** Kinds that somebody else's module describes: YAML files in one of its folders. */
interface Kinds {
  readonly name: string
  readonly module: string
  readonly path: string
  readonly folder: string
  readonly files: RegExp
}

const certManagerKinds: Kinds = {
  name: "crds",
  module: programs.certManager.module,
  path: "github.com/cert-manager/cert-manager",
  folder: "deploy/crds",
  files: /\.yaml$/
}

const monitoringKinds: Kinds = {
  name: "monitoring-crds",
  module: "monitoring",
  path: "github.com/prometheus-operator/prometheus-operator",
  folder: "example/prometheus-operator-crd",
  files: /_(podmonitors|prometheusrules)\.yaml$/
}

const crdFolder = async (folder: string, kinds: Kinds) => {
  const { module, path } = kinds
  const file = join(folder, `${kinds.name}-${await hashOf(module)}`)
  const make = async (partial: string) => {
    // Known only once the module is in Go's module cache, where a build puts it; here it is asked for outright.
    await go(module, "mod", "download", path)
    const source = join(await go(module, "list", "-m", "-f", "{{.Dir}}", path), kinds.folder)
    await mkdir(partial)
    // Go's module cache is read-only, and a copied folder would be too.
    for (const name of await readdir(source)) {
      if (kinds.files.test(name)) await writeFile(join(partial, name), await readFile(join(source, name)))
    }
  }
  return { file, make }
}

const ready = async () => {
  const folder = cacheFolder()
  await mkdir(folder, { recursive: true })
  const goVersion = await run("go", ["version"]).catch((cause: unknown) => {
    throw new Error("the cluster tier builds its control plane with Go, which was not found", { cause })
  })
  return { folder, goVersion }
}

/** Builds a tool that only some tests need, where it is missing in the cache; resolves with its path. */
export const buildTool = async (name: "helm" | "promtool"): Promise<string> => {
  const { folder, goVersion } = await ready()
  const { file, make } = await programFile(folder, programs[name], goVersion.stdout)
  if (!existsSync(file)) await exclusively(folder, buildLimitMilliseconds, () => produce(file, make))
  return file
}

/** The kinds of Prometheus' operator, as a folder of YAML files. */
export const monitoringCrds = async (): Promise<string> => {
  const { folder } = await ready()
  const { file, make } = await crdFolder(folder, monitoringKinds)
  if (!existsSync(file)) await exclusively(folder, buildLimitMilliseconds, () => produce(file, make))
  return file
}

/** Builds what is missing in the cache and tells where everything is. */
export const buildTools = async (): Promise<Tools> => {
  const { folder, goVersion } = await ready()
  const wanted = {
    kubeApiserver: await programFile(folder, programs.kubeApiserver, goVersion.stdout),
    kubelet: await programFile(folder, programs.kubelet, goVersion.stdout),
    etcd: await programFile(folder, programs.etcd, goVersion.stdout),
    certManager: await programFile(folder, programs.certManager, goVersion.stdout),
    floor: await programFile(folder, programs.floor, goVersion.stdout),
    crds: await crdFolder(folder, certManagerKinds)
  }
  const missing = Object.values(wanted).filter(({ file }) => !existsSync(file))
  // One after the other: each of them uses all cores by itself.
  if (missing.length > 0) {
    await exclusively(folder, buildLimitMilliseconds, async () => {
      await removePartials(folder)
      for (const { file, make } of missing) await produce(file, make)
    })
  }
  return {
    kubeApiserver: wanted.kubeApiserver.file,
    kubelet: wanted.kubelet.file,
    etcd: wanted.etcd.file,
    certManager: wanted.certManager.file,
    floor: wanted.floor.file,
    crds: wanted.crds.file
  }
}

if (import.meta.main) console.log(JSON.stringify(await buildTools(), undefined, 2))
