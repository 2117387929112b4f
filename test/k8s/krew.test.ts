/**
 * The plugin as krew would install it: unpacked by the system's tar and linked under the plugin's name, it starts the
 * program that lies beside it, under that name; the manifest names this version and the archive's checksum.
 */

import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { loadYaml } from "@kubernetes/client-node"
import { afterAll, describe, expect, it } from "vitest"
import { archiveName, krewArchive, krewManifest } from "../../k8s/krew.ts"
import { isKubectlPlugin } from "../../src/commands/kubectl.ts"
import { version } from "../../src/Version.ts"

const folder = mkdtempSync(join(tmpdir(), "certlet-krew-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Built files that say under which name they were started. */
const dist = join(folder, "dist")
mkdirSync(dist)
writeFileSync(join(dist, "certlet.mjs"), 'import "./certlet-kubectl.mjs"\nconsole.log(process.argv[1])\n')
for (const name of ["certlet-kubeconfig.mjs", "certlet-kubectl.mjs"]) writeFileSync(join(dist, name), "")
writeFileSync(join(dist, "THIRD-PARTY-LICENSES.txt"), "")

describe("the plugin for krew", () => {
  const archive = krewArchive(dist)

  it("starts the program under its name, through the link that krew makes", () => {
    const store = join(folder, "store")
    mkdirSync(store)
    execFileSync("tar", ["-xzf", "-", "-C", store], { input: archive })
    expect(readdirSync(store).sort()).toEqual([
      "LICENSE",
      "THIRD-PARTY-LICENSES.txt",
      "certlet-kubeconfig.mjs",
      "certlet-kubectl.mjs",
      "certlet.mjs",
      "kubectl-certlet"
    ])
    const link = join(folder, "kubectl-certlet")
    symlinkSync(join(store, "kubectl-certlet"), link)
    const started = execFileSync(link, { encoding: "utf8" }).trim()
    expect(isKubectlPlugin(started)).toBe(true)
  })

  it("is known by its name and no other", () => {
    for (const name of ["/usr/bin/kubectl-certlet", "kubectl-certlet", "C:\\bin\\kubectl-certlet.exe"])
      expect(isKubectlPlugin(name)).toBe(true)
    for (const name of ["/usr/bin/certlet", "/kubectl-certlet/certlet.mjs", "/usr/bin/my-kubectl-certlet", ""])
      expect(isKubectlPlugin(name)).toBe(false)
  })

  it("is named by a manifest of this version, with the checksum of its bytes, which are the same again", () => {
    const again = join(folder, "again")
    cpSync(dist, again, { recursive: true })
    expect(Buffer.from(krewArchive(again)).equals(Buffer.from(archive))).toBe(true)
    const manifest = loadYaml<{ readonly spec: object }>(krewManifest(version, archive))
    expect(manifest).toMatchObject({
      kind: "Plugin",
      metadata: { name: "certlet" },
      spec: {
        version: `v${version}`,
        platforms: [
          {
            uri: expect.stringContaining(`/v${version}/${archiveName(version)}`),
            sha256: createHash("sha256").update(archive).digest("hex"),
            bin: "kubectl-certlet"
          }
        ]
      }
    })
  })

  it("is made and released by the workflow", () => {
    const workflow = readFileSync(join(import.meta.dirname, "../../.github/workflows/release.yml"), "utf8")
    expect(workflow).toMatch(/node k8s\/krew\.ts release\n[\s\S]*node k8s\/release\.ts checksums release/)
  })
})
