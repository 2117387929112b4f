/**
 * The tree that the flake's dependencies are, and its hash: made by the flake's own script, `nix/dependencies.sh`, or
 * read off the installed one. `nix/hashes.json` is where the flake reads which hash to expect. Run by itself (`npm run
 * nix:hash`) this writes that file anew; a test fails where package-lock.json has changed and that was not done.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { narHash } from "./narHash.ts"

const root = resolve(import.meta.dirname, "../..")
const file = join(root, "nix/hashes.json")
const installLimitMilliseconds = 10 * 60_000

/** Nix' names of the systems that the flake builds for, and npm's of their processors. */
export const processors = { "x86_64-linux": "x64", "aarch64-linux": "arm64" } as const
export type System = keyof typeof processors

/** The system whose tree is installed here; undefined where that is none of the flake's. */
export const here: System | undefined =
  process.platform === "linux"
    ? process.arch === "x64"
      ? "x86_64-linux"
      : process.arch === "arm64"
        ? "aarch64-linux"
        : undefined
    : undefined

/** What `nix/hashes.json` holds: of which lock they are, and the hash of its tree on each system. */
export type Hashes = Readonly<Record<System | "package-lock.json", string>>

export const readHashes = (): Hashes => JSON.parse(readFileSync(file, "utf8"))

/** The lock's own hash. */
export const lockHash = (): string =>
  `sha256-${createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("base64")}`

/**
 * Installs the lock anew for a system, in a folder of its own, and resolves with the tree's hash: a minute where it is
 * busy.
 */
export const freshHash = async (system: System): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "certlet-dependencies-"))
  try {
    for (const name of ["package.json", "package-lock.json", ".npmrc", "nix", "test/node", "test/node26"]) {
      cpSync(join(root, name), join(folder, name), {
        recursive: true,
        filter: (path) => !path.includes("node_modules")
      })
    }
    await promisify(execFile)("sh", ["nix/dependencies.sh", processors[system]], {
      cwd: folder,
      timeout: installLimitMilliseconds
    })
    return narHash(join(folder, "node_modules"))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What `nix/dependencies.sh` takes away, and what tools leave in the folder while they work. */
const notOfTheTree = /^(\.package-lock\.json|\.bin\/node|node-linux-[^/]+|\.(vite|vitest|cache)[^/]*)$/

/**
 * The hash of the tree that is installed here: seconds, and right wherever plain `npm ci` made it and ran no script.
 */
export const installedHash = (): string => narHash(join(root, "node_modules"), (path) => notOfTheTree.test(path))

if (import.meta.main) {
  const [x86, aarch] = await Promise.all([freshHash("x86_64-linux"), freshHash("aarch64-linux")])
  const hashes: Hashes = { "package-lock.json": lockHash(), "x86_64-linux": x86, "aarch64-linux": aarch }
  writeFileSync(file, `${JSON.stringify(hashes, undefined, 2)}\n`)
  console.log(`nix/hashes.json\n${readFileSync(file, "utf8")}`)
}
