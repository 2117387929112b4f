/**
 * An OCI image layout (OCI image 1.0) in one tar file: what `ctr images import`, `kind load image-archive`, `docker
 * load` and `skopeo copy oci-archive:` take. It holds one index with an image for each architecture. The same layers
 * give the same bytes: no clock has a say, and gzip is done in JavaScript, because zlib may choose other bytes on
 * another processor.
 */
import { createHash } from "node:crypto"
import { gzipSync } from "fflate"
import { type Entry, tar } from "./tar.ts"

/** A processor as OCI calls it. */
export type Architecture = "amd64" | "arm64"

/** This machine's processor. */
export const hostArchitecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64"

/** One layer, compressed, and the digest of what it is uncompressed. */
export interface Layer {
  readonly gzipped: Uint8Array
  readonly diffId: string
  /** What it holds, for `history`. */
  readonly comment: string
}

/** The image of one architecture. */
export interface Image {
  readonly architecture: Architecture
  readonly layers: ReadonlyArray<Layer>
  readonly entrypoint: ReadonlyArray<string>
  readonly environment: ReadonlyArray<string>
  readonly labels: Readonly<Record<string, string>>
}

/** The date of everything in an image. */
const created = "1970-01-01T00:00:01Z"

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

/** A layer of these entries. */
export const layer = (comment: string, entries: ReadonlyArray<Entry>): Layer => {
  const archive = tar(entries)
  return { gzipped: gzipSync(archive, { level: 6, mtime: 0 }), diffId: digestOf(archive), comment }
}

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))

const descriptor = (mediaType: string, bytes: Uint8Array) => ({
  mediaType: `application/vnd.oci.image.${mediaType}`,
  digest: digestOf(bytes),
  size: bytes.length
})

/** An image's blobs, with the descriptor of its manifest. */
const blobsOf = ({ architecture, entrypoint, environment, labels, layers }: Image) => {
  const config = json({
    created,
    architecture,
    os: "linux",
    ...(architecture === "arm64" ? { variant: "v8" } : {}),
    config: { Entrypoint: entrypoint, Env: environment, Labels: labels },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ comment }) => ({ created, comment }))
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("config.v1+json", config),
    layers: layers.map(({ gzipped }) => descriptor("layer.v1.tar+gzip", gzipped)),
    annotations: labels
  })
  const platform = { os: "linux", architecture, ...(architecture === "arm64" ? { variant: "v8" } : {}) }
  return {
    blobs: [...layers.map(({ gzipped }) => gzipped), config, manifest],
    described: { ...descriptor("manifest.v1+json", manifest), platform }
  }
}

/** What an archive is: its bytes, and the digest by which a registry knows the index in it. */
export interface Archive {
  readonly bytes: Buffer
  readonly digest: string
}

/** The images as one archive, under a name with registry and tag: "docker.io/library/certlet:0.1.0". */
export const ociArchive = (name: string, images: ReadonlyArray<Image>): Archive => {
  const all = images.map(blobsOf)
  const mediaType = "application/vnd.oci.image.index.v1+json"
  const index = json({ schemaVersion: 2, mediaType, manifests: all.map(({ described }) => described) })
  const annotations = {
    "io.containerd.image.name": name,
    "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1)
  }
  const top = { schemaVersion: 2, mediaType, manifests: [{ ...descriptor("index.v1+json", index), annotations }] }
  const file = (path: string, content: Uint8Array): Entry => ({ path, mode: 0o644, content })
  const blobs = [...all.flatMap((image) => image.blobs), index]
  const bytes = tar([
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", json(top)),
    ...new Map(blobs.map((blob) => [digestOf(blob), blob]))
      .entries()
      .map(([digest, blob]) => file(`blobs/${digest.replace(":", "/")}`, blob))
  ])
  return { bytes, digest: digestOf(index) }
}
