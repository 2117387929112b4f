/**
 * The flake's dependencies are known to Nix by the hash of their tree, so package-lock.json cannot change without
 * `nix/hashes.json`. The installed tree is hashed; only where that is not what is expected, it is made anew to be sure.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freshHash, here, installedHash, lockHash, readHashes } from "../nix/dependencies.ts"
import { narHash } from "../nix/narHash.ts"

const advice = "package-lock.json has changed: run `npm run nix:hash` and commit nix/hashes.json with it"

describe("nix/hashes.json", () => {
  it("is of this package-lock.json", () => {
    expect(readHashes()["package-lock.json"], advice).toBe(lockHash())
  })

  it("holds the hash of what that installs", { timeout: 10 * 60_000 }, async () => {
    const system = here ?? "x86_64-linux"
    const expected = readHashes()[system]
    const found = here !== undefined && installedHash() === expected ? expected : await freshHash(system)
    expect(found, advice).toBe(expected)
  })
})

describe("the hash of a tree", () => {
  const folder = mkdtempSync(join(tmpdir(), "certlet-tree-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  beforeAll(() => {
    mkdirSync(join(folder, "folder/empty"), { recursive: true })
    writeFileSync(join(folder, "folder/eight888"), "88888888")
    writeFileSync(join(folder, "folder/nothing"), "")
    writeFileSync(join(folder, "folder.txt"), "sorted by bytes: after the folder, before what is below ~")
    writeFileSync(join(folder, "ähnlich"), Buffer.from([0, 255, 10]))
    writeFileSync(join(folder, "Zebra"), "capitals first", { mode: 0o600 })
    writeFileSync(join(folder, "program"), "#!/bin/sh\n")
    chmodSync(join(folder, "program"), 0o755)
    symlinkSync("../away/to nothing", join(folder, "link"))
  })

  it("is what Nix 2.8 said of it", () => {
    expect(narHash(folder)).toBe("sha256-Mdum5t6vrUQDnR+4PInx9uO/flJvXm/pm+52+Ls2gc4=")
  })

  const nix = ["--extra-experimental-features", "nix-command", "hash", "path"]
  const hasNix = (() => {
    try {
      execFileSync("nix", ["--version"], { stdio: "ignore" })
      return true
    } catch {
      return false
    }
  })()

  it.runIf(hasNix)("is what the Nix of this machine says", () => {
    expect(narHash(folder)).toBe(execFileSync("nix", [...nix, folder], { encoding: "utf8" }).trim())
    const file = join(folder, "Zebra")
    expect(narHash(file)).toBe(execFileSync("nix", [...nix, file], { encoding: "utf8" }).trim())
  })
})
