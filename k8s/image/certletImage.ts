/**
 * certlet's image: Node from the packages that package-lock.json pins, a few files of pinned packages of Debian, and
 * what `npm run build` makes. No shell, no package manager, no npm. Four layers, so that an update of certlet ships the
 * last one: base, Node, licences, program. It starts from a compile cache, which the Node of the image makes while the
 * image is made.
 */
import { execFile } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { promisify } from "node:util"
import { gunzipSync } from "node:zlib"
import manifest from "#package" with { type: "json" }
import { programFiles } from "./bundled.ts"
import { debianBase, pins } from "./debian.ts"
import { npmPackage } from "./download.ts"
import { type Architecture, type Archive, hostArchitecture, type Image, layer, ociArchive } from "./ociImage.ts"
import { billOf, type Part } from "./sbom.ts"
import { type Entry, untar } from "./tar.ts"

const root = resolve(import.meta.dirname, "../..")
const run = promisify(execFile)

/** What `certlet:VERSION` of the manifest is to a container runtime. */
export const certletImageName = `docker.io/library/certlet:${manifest.version}`

const processors = { amd64: "x64", arm64: "arm64" } as const

/** A component as the bundle's bill of materials has it. */
interface BilledPackage {
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: ReadonlyArray<{ readonly expression: string }>
  readonly hashes?: ReadonlyArray<{ readonly alg: "SHA-256" | "SHA-512"; readonly content: string }>
}

interface Locked {
  readonly version: string
  readonly integrity: string
}

/** The package of the pinned Node for a processor, as the lock has it. */
const lockedNode = async (name: string): Promise<Locked> => {
  const lock: { readonly packages: Readonly<Record<string, Locked>> } = JSON.parse(
    await readFile(join(root, "package-lock.json"), "utf8")
  )
  const locked = lock.packages[`node_modules/${name}`]
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}`)
  return locked
}

/** Lays entries into a folder. */
const layOut = (folder: string, entries: ReadonlyArray<Entry>): void => {
  for (const { content, link, mode, path } of entries) {
    const place = join(folder, path)
    mkdirSync(dirname(place), { recursive: true })
    if (link !== undefined) symlinkSync(link, place)
    else if (content === undefined) mkdirSync(place, { recursive: true })
    else {
      writeFileSync(place, content)
      chmodSync(place, mode)
    }
  }
}

const filesBelow = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name))
}

/** How a program of the image is started on this machine: as it is, or by an emulator of its processor. */
const starter = (architecture: Architecture, files: string): readonly [command: string, ...args: Array<string>] => {
  const node = join(files, "usr/bin/node")
  if (architecture === hostArchitecture) return [node]
  const emulated = architecture === "arm64" ? "aarch64" : "x86_64"
  return [`qemu-${emulated}-static`, "-L", files, node]
}

/** The program with its compile cache, as files below /usr/lib/certlet. */
const programEntries = async (
  architecture: Architecture,
  dist: string,
  system: ReadonlyArray<Entry>
): Promise<ReadonlyArray<Entry>> => {
  const folder = mkdtempSync(join(tmpdir(), "certlet-image-"))
  try {
    const [files, program] = [join(folder, "root"), join(folder, "program")]
    layOut(files, system)
    for (const name of programFiles) cpSync(join(dist, name), join(program, name))
    const [command, ...before] = starter(architecture, files)
    const script = join(root, "nix/compileCache.ts")
    const cache = join(program, "compile-cache")
    const args = ["--hash-seed=1", "--preserve-symlinks", script, join(program, "certlet.mjs"), cache]
    await run(command, [...before, ...args], { env: { PATH: process.env.PATH }, timeout: 600_000 }).catch(
      (cause: unknown) => {
        const advice = command.startsWith("qemu") ? `; Debian's package qemu-user-static has ${command}` : ""
        throw new Error(`the compile cache for ${architecture} cannot be made${advice}`, { cause })
      }
    )
    const made = await filesBelow(program)
    return made.map((path) => ({
      path: join("usr/lib/certlet", relative(program, path)),
      mode: 0o644,
      content: readFileSync(path)
    }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const text = (path: string, content: string, mode = 0o644): Entry => ({ path, mode, content: Buffer.from(content) })

const labels = {
  "org.opencontainers.image.title": manifest.name,
  "org.opencontainers.image.description": manifest.description,
  "org.opencontainers.image.version": manifest.version,
  "org.opencontainers.image.licenses": manifest.license
}

/** The image's bill of materials: Debian's packages, Node, and what the bundle's own bill says. */
const imageBill = (architecture: Architecture, nodeVersion: string, ofBundle: string): string => {
  const { components }: { readonly components: ReadonlyArray<BilledPackage> } = JSON.parse(ofBundle)
  const debian = pins[architecture].map(
    ({ name, sha256, version }): Part => ({
      name,
      version,
      purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=${pins.suite}`,
      hash: { algorithm: "SHA-256", hex: sha256 }
    })
  )
  const node = { name: "node", version: nodeVersion, purl: `pkg:generic/node@${nodeVersion}`, license: "MIT" }
  const bundled = components.map(({ hashes, licenses, name, purl, version }): Part => {
    const [hash] = hashes ?? []
    const [license] = licenses ?? []
    return {
      name,
      version,
      purl,
      ...(license === undefined ? {} : { license: license.expression }),
      ...(hash === undefined ? {} : { hash: { algorithm: hash.alg, hex: hash.content } })
    }
  })
  const { license, name, version } = manifest
  const purl = `pkg:oci/${name}?arch=${architecture}&tag=${version}`
  return billOf({ name, version, purl, license }, "container", [...debian, node, ...bundled])
}

/** What an image is made from. */
export interface Recipe {
  readonly architectures: ReadonlyArray<Architecture>
  /** The folder that `npm run build` has made. */
  readonly dist: string
  /** Variables beside those that the program starts with: tests tell two images of one program apart by them. */
  readonly environment?: ReadonlyArray<string>
}

const image = async (recipe: Recipe, architecture: Architecture): Promise<Image> => {
  const base = await debianBase(architecture)
  const name = `node-linux-${processors[architecture]}`
  const { integrity, version: nodeVersion } = await lockedNode(name)
  const ofNode = untar(gunzipSync(await npmPackage(name, nodeVersion, integrity)))
  const taken = (path: string, to: string, mode: number): Entry => {
    const content = ofNode.get(`package/${path}`)?.content
    if (content === undefined) throw new Error(`the package of Node has no ${path}`)
    return { path: to, mode, content }
  }
  const node = taken("bin/node", "usr/bin/node", 0o755)
  const program = await programEntries(architecture, recipe.dist, [...base, node])
  // Started by the kernel's reading of the first line: no shell and no env(1), also for `kubectl exec`.
  const entrance = text("usr/bin/certlet", '#!/usr/bin/node\nimport "/usr/lib/certlet/certlet.mjs"\n', 0o755)
  const beside = (name: string, content: string) => text(`usr/share/doc/certlet/${name}`, content)
  const bill = imageBill(architecture, nodeVersion, await readFile(join(recipe.dist, "sbom.cdx.json"), "utf8"))
  const licences = [
    taken("LICENSE", "usr/share/doc/node/LICENSE", 0o644),
    beside("LICENSE", await readFile(join(root, "LICENSE"), "utf8")),
    beside("THIRD-PARTY-LICENSES.txt", await readFile(join(recipe.dist, "THIRD-PARTY-LICENSES.txt"), "utf8")),
    beside("sbom.cdx.json", bill)
  ]
  return {
    architecture,
    layers: [
      layer("base: programs and libraries of Debian", base),
      layer(`Node ${nodeVersion}`, [node]),
      layer("licences and bill of materials", licences),
      layer(`certlet ${manifest.version}`, [...program, entrance])
    ],
    entrypoint: ["/usr/bin/certlet"],
    environment: [
      "PATH=/usr/bin",
      "NODE_COMPILE_CACHE=/usr/lib/certlet/compile-cache",
      "NODE_COMPILE_CACHE_PORTABLE=1",
      ...(recipe.environment ?? [])
    ],
    labels
  }
}

/** Resolves with the image as an archive; the same recipe and sources give the same bytes. */
export const certletImage = async (recipe: Recipe): Promise<Archive> => {
  const images: Array<Image> = []
  for (const architecture of recipe.architectures) images.push(await image(recipe, architecture))
  return ociArchive(certletImageName, images)
}
