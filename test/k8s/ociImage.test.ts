/**
 * Image archives: every blob is where its digest says and every layer unpacks to what went in, on the system's own tar
 * too; the same layers give the same bytes; and what is read back from packages of dpkg and npm is what they hold.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { type Image, layer, ociArchive } from "../../k8s/image/ociImage.ts"
import { type Entry, tar, untar } from "../../k8s/image/tar.ts"

const file = (path: string, content: string, mode = 0o644): Entry => ({ path, mode, content: Buffer.from(content) })

const deep = `${"folder/".repeat(18)}file-with-a-long-name-that-does-not-fit-into-a-hundred-bytes`

const entries = [
  file("usr/bin/certlet", "#!/usr/bin/node\n", 0o755),
  { path: "bin", mode: 0o777, link: "usr/bin" },
  file(deep, "deep")
]

const image = (architecture: "amd64" | "arm64", ...changes: ReadonlyArray<Entry>): Image => ({
  architecture,
  layers: [layer("base", entries), layer("program", [file("usr/lib/program", architecture), ...changes])],
  entrypoint: ["/usr/bin/certlet"],
  environment: ["PATH=/usr/bin"],
  labels: { "org.opencontainers.image.title": "certlet" }
})

const name = "registry.example.com/certlet:1.2.3"

interface Descriptor {
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly architecture: string }
  readonly annotations?: Readonly<Record<string, string>>
}

describe("an image archive", () => {
  const { bytes, digest } = ociArchive(name, [image("amd64"), image("arm64")])
  const files = untar(bytes)
  const blob = ({ digest: wanted, size }: Descriptor): Buffer => {
    const content = Buffer.from(files.get(`blobs/${wanted.replace(":", "/")}`)?.content ?? [])
    expect(`sha256:${createHash("sha256").update(content).digest("hex")}`).toBe(wanted)
    expect(content.length).toBe(size)
    return content
  }
  const [top]: ReadonlyArray<Descriptor> = JSON.parse(String(files.get("index.json")?.content)).manifests
  if (top === undefined) throw new Error("the archive has no index")

  it("names one index, by the name that runtimes give it and by the tag that skopeo looks for", () => {
    expect(top.digest).toBe(digest)
    expect(top.annotations).toEqual({
      "io.containerd.image.name": name,
      "org.opencontainers.image.ref.name": "1.2.3"
    })
  })

  it("holds an image for each processor, whose layers unpack to what went in", () => {
    const manifests: ReadonlyArray<Descriptor> = JSON.parse(String(blob(top))).manifests
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(["amd64", "arm64"])
    for (const manifest of manifests) {
      const { config, layers }: { config: Descriptor; layers: ReadonlyArray<Descriptor> } = JSON.parse(
        String(blob(manifest))
      )
      const described = JSON.parse(String(blob(config)))
      expect(described.architecture).toBe(manifest.platform?.architecture)
      const unpacked = layers.map((one) => gunzipSync(blob(one)))
      expect(described.rootfs.diff_ids).toEqual(
        unpacked.map((one) => `sha256:${createHash("sha256").update(one).digest("hex")}`)
      )
      const program = untar(unpacked[1] ?? Buffer.alloc(0)).get("usr/lib/program")
      expect(String(program?.content)).toBe(manifest.platform?.architecture)
    }
  })

  it("is the same bytes for the same layers, and shares what two of them share", () => {
    expect(ociArchive(name, [image("amd64"), image("arm64")]).bytes.equals(bytes)).toBe(true)
    const changed = ociArchive(name, [image("amd64", file("new", "new")), image("arm64")])
    expect(changed.digest).not.toBe(digest)
    const names = (archive: Buffer) => [...untar(archive).keys()]
    // Of the changed image its last layer, its configuration, its manifest and the index are new.
    expect(names(changed.bytes).filter((path) => !names(bytes).includes(path))).toHaveLength(4)
  })
})

describe("a tar file", () => {
  it("comes back as it was written", () => {
    const found = untar(tar(entries))
    expect(
      [...found.values()].map(({ content, ...entry }) => ({ ...entry, text: content && String(content) }))
    ).toEqual([
      { path: "bin", mode: 0o777, link: "usr/bin", text: undefined },
      { path: deep, mode: 0o644, text: "deep" },
      { path: "usr/bin/certlet", mode: 0o755, text: "#!/usr/bin/node\n" }
    ])
  })

  it("is read by the system's tar", () => {
    const listed = execFileSync("tar", ["-tf", "-"], { input: tar(entries), encoding: "utf8" })
    expect(listed.trim().split("\n")).toEqual(expect.arrayContaining(["bin", "usr/", deep]))
  })

  it("is not written where a path does not fit", () => {
    expect(() => tar([file("x".repeat(101), "")])).toThrow("too long for ustar")
  })
})
