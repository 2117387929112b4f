// The image that users get: the same bytes wherever it is made, what is in it and what is not, and that its programs
// run with nothing but what it holds. The other tests of the tier run it under a kubelet. The one for the other
// processor is started by an emulator, where Debian's package qemu-user-static is installed.
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { shippedFiles } from "../../k8s/image/bundled.ts"
import { certletImage as makeImage } from "../../k8s/image/certletImage.ts"
import { type Architecture, hostArchitecture } from "../../k8s/image/ociImage.ts"
import { untar } from "../../k8s/image/tar.ts"
import { version } from "../../src/Version.ts"
import { bundle } from "../kit/bundle.ts"
import { certletImage } from "./certletImage.ts"

const limitMilliseconds = 900_000
const folder = mkdtempSync(join(tmpdir(), "certlet-image-test-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let program: string
let archive: Buffer
beforeAll(async () => {
  program = await bundle()
  archive = await certletImage(program)
}, limitMilliseconds)

/** The layers of an archive's only image, unpacked, the lowest first. */
const layersOf = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const files = untar(bytes)
  const read = (digest: string) => Buffer.from(files.get(`blobs/${digest.replace(":", "/")}`)?.content ?? [])
  const index = JSON.parse(String(read(JSON.parse(String(files.get("index.json")?.content)).manifests[0].digest)))
  const layers: ReadonlyArray<{ readonly digest: string }> = JSON.parse(String(read(index.manifests[0].digest))).layers
  return layers.map(({ digest }) => gunzipSync(read(digest)))
}

/** Lays an archive's only image into a folder of its own, by the system's tar. */
const unpack = (bytes: Buffer, name: string): string => {
  const root = join(folder, name)
  mkdirSync(root)
  for (const layer of layersOf(bytes)) execFileSync("tar", ["-xpf", "-", "-C", root], { input: layer })
  return root
}

/** What a program of an image prints, on both of its outputs; it has to end well. */
const runIn = (root: string, command: ReadonlyArray<string>, environment: NodeJS.ProcessEnv = {}): string => {
  const env = { PATH: `/usr/bin:${process.env.PATH}`, ...environment }
  const { status, stderr, stdout } = spawnSync("chroot", [root, ...command], {
    encoding: "utf8",
    env,
    timeout: 600_000
  })
  expect(status, stderr).toBe(0)
  return stdout + stderr
}

describe("the image", { timeout: limitMilliseconds }, () => {
  it("is the same bytes when it is made again elsewhere, at another time, by the same sources", async () => {
    const elsewhere = join(folder, "another folder", "with a longer way")
    for (const name of shippedFiles) cpSync(join(dirname(program), name), join(elsewhere, name))
    const zone = process.env.TZ
    process.env.TZ = "Pacific/Kiritimati"
    try {
      const again = await makeImage({ architectures: [hostArchitecture], dist: elsewhere })
      expect(again.bytes.equals(archive)).toBe(true)
    } finally {
      if (zone === undefined) delete process.env.TZ
      else process.env.TZ = zone
    }
  })

  it("holds five programs and certlet, no shell, no package manager and nothing that is setuid", () => {
    const files = layersOf(archive).flatMap((layer) => [...untar(layer).values()])
    const programs = files
      .filter(({ path }) => /^usr\/s?bin\//.test(path))
      .map(({ path }) => path.slice("usr/bin/".length))
    expect(programs.sort()).toEqual(["certlet", "mount", "node", "setpriv", "umount", "xargs"])
    expect(files.filter(({ mode }) => (mode & 0o6000) !== 0)).toEqual([])
  })

  it("says of each package of Debian what scanners ask for, and brings its licence", () => {
    const paths = layersOf(archive).flatMap((layer) => [...untar(layer).keys()])
    expect(paths).toContain("var/lib/dpkg/status.d/libc6")
    expect(paths).toEqual(expect.arrayContaining(["usr/share/doc/libc6/copyright", "usr/share/common-licenses/GPL-2"]))
    expect(paths).toEqual(expect.arrayContaining(["usr/share/doc/node/LICENSE", "usr/share/doc/certlet/LICENSE"]))
    const bill = layersOf(archive).flatMap((layer) => untar(layer).get("usr/share/doc/certlet/sbom.cdx.json") ?? [])
    const { components }: { components: ReadonlyArray<{ readonly purl: string }> } = JSON.parse(
      String(bill[0]?.content)
    )
    const kinds = Map.groupBy(components, ({ purl }) => purl.split("/")[0])
    expect([...kinds.keys()].sort()).toEqual(["pkg:deb", "pkg:generic", "pkg:npm"])
    expect(kinds.get("pkg:deb")).toHaveLength(paths.filter((path) => path.startsWith("var/lib/dpkg/status.d/")).length)
  })

  it("starts each of its programs with its own libraries, and certlet from its compile cache", () => {
    const root = unpack(archive, "host")
    for (const name of ["mount", "umount", "setpriv"]) expect(runIn(root, [name, "--version"])).toContain("util-linux")
    expect(runIn(root, ["xargs", "--version"])).toContain("findutils")
    const cache = { NODE_COMPILE_CACHE: "/usr/lib/certlet/compile-cache", NODE_COMPILE_CACHE_PORTABLE: "1" }
    const said = runIn(root, ["certlet", "--version"], { ...cache, NODE_DEBUG_NATIVE: "COMPILE_CACHE" })
    expect(said).toContain(version)
    expect(said).toMatch(/certlet\.mjs was accepted/)
  })

  const other: Architecture = hostArchitecture === "amd64" ? "arm64" : "amd64"
  const emulator = `qemu-${other === "arm64" ? "aarch64" : "x86_64"}-static`

  it.runIf(spawnSync(emulator, ["--version"]).status === 0)(
    "starts for the other processor, under an emulator",
    async () => {
      const { bytes } = await makeImage({ architectures: [other], dist: dirname(program) })
      const root = unpack(bytes, "other")
      cpSync(execFileSync("which", [emulator], { encoding: "utf8" }).trim(), join(root, "emulator"))
      expect(runIn(root, ["/emulator", "/usr/bin/node", "/usr/bin/certlet", "--version"])).toContain(version)
      for (const name of ["mount", "umount", "setpriv", "xargs"])
        expect(runIn(root, ["/emulator", `/usr/bin/${name}`, "--version"])).toMatch(/util-linux|findutils/)
    }
  )
})
