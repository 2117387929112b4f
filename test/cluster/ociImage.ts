// Container images written by hand, because no registry is to be reached: an OCI image layout in one tar file, which
// `ctr images import` takes. The same entries give the same bytes: no times, no owners but root, everything in the
// order of its path. Only what these images need of the formats is here: ustar entries (POSIX.1-1988) and one manifest
// (OCI image 1.0).
import { createHash } from "node:crypto"

/** One entry of a file system; a folder where it has neither content nor link. */
export interface Entry {
  /** Without a leading slash: "bin/busybox". */
  readonly path: string
  readonly mode: number
  readonly content?: Uint8Array
  /** Where a symbolic link points. */
  readonly link?: string
}

export interface ImageOptions {
  /** With its registry and tag: "certlet.test/busybox:1". */
  readonly name: string
  readonly entries: ReadonlyArray<Entry>
  readonly entrypoint: ReadonlyArray<string>
  readonly environment?: ReadonlyArray<string>
}

const block = 512

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`

/** A path of more than 100 bytes is cut at a slash: its beginning goes into the prefix. */
const splitPath = (path: string): readonly [name: string, prefix: string] => {
  if (Buffer.byteLength(path) <= 100) return [path, ""]
  const cut = path.lastIndexOf("/", 155)
  if (cut < 0 || Buffer.byteLength(path.slice(cut + 1)) > 100) throw new Error(`the path ${path} is too long for ustar`)
  return [path.slice(cut + 1), path.slice(0, cut)]
}

const header = (entry: Entry): Buffer => {
  const isFolder = entry.content === undefined && entry.link === undefined
  const [name, prefix] = splitPath(isFolder ? `${entry.path}/` : entry.path)
  const bytes = Buffer.alloc(block)
  bytes.write(name, 0)
  bytes.write(octal(entry.mode, 8), 100)
  bytes.write(octal(0, 8), 108)
  bytes.write(octal(0, 8), 116)
  bytes.write(octal(entry.content?.length ?? 0, 12), 124)
  bytes.write(octal(0, 12), 136)
  bytes.write(" ".repeat(8), 148)
  bytes.write(isFolder ? "5" : entry.link === undefined ? "0" : "2", 156)
  bytes.write(entry.link ?? "", 157)
  bytes.write("ustar\x0000", 257)
  bytes.write(prefix, 345)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${octal(sum, 7)} `, 148)
  return bytes
}

/** A tar file of these entries and of the folders above them. */
export const tar = (entries: ReadonlyArray<Entry>): Buffer => {
  const all = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    const steps = path.split("/").slice(0, -1)
    steps.forEach((_, i) => {
      const folder = steps.slice(0, i + 1).join("/")
      if (!all.has(folder)) all.set(folder, { path: folder, mode: 0o755 })
    })
  }
  const sorted = [...all.values()].sort((one, other) => (one.path < other.path ? -1 : 1))
  const parts = sorted.flatMap((entry) => {
    const content = entry.content ?? new Uint8Array()
    return [header(entry), content, Buffer.alloc((block - (content.length % block)) % block)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const architecture = process.arch === "x64" ? "amd64" : process.arch

/**
 * An image of one layer as an archive for `ctr images import`; the archive's own hash tells whether two images are the
 * same.
 */
export const ociImage = (options: ImageOptions): Buffer => {
  const layer = tar(options.entries)
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: "linux",
      config: { Entrypoint: options.entrypoint, Env: options.environment ?? ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"] },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] }
    })
  )
  const describe = (mediaType: string, bytes: Uint8Array) => ({
    mediaType: `application/vnd.oci.image.${mediaType}`,
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.length
  })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: describe("config.v1+json", config),
      layers: [describe("layer.v1.tar", layer)]
    })
  )
  const annotations = { "io.containerd.image.name": options.name, "org.opencontainers.image.ref.name": options.name }
  const index = { schemaVersion: 2, manifests: [{ ...describe("manifest.v1+json", manifest), annotations }] }
  const file = (path: string, content: Uint8Array): Entry => ({ path, mode: 0o644, content })
  return tar([
    file("oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
    file("index.json", Buffer.from(JSON.stringify(index))),
    ...[layer, config, manifest].map((blob) => file(`blobs/sha256/${sha256(blob)}`, blob))
  ])
}
