/**
 * Tar files, as far as images and packages need them: written as ustar (POSIX.1-1988) with a fixed date and no owner
 * but root, so that the same entries give the same bytes, and read with the long names that dpkg and npm write.
 * Everything is in memory.
 */

/** One entry of a file system; a folder where it has neither content nor link. */
export interface Entry {
  /** Without a leading slash: "usr/bin/mount". */
  readonly path: string
  readonly mode: number
  readonly content?: Uint8Array
  /** Where a symbolic link points. */
  readonly link?: string
}

const block = 512

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`

/** A path of more than 100 bytes is cut at a slash: its beginning goes into the prefix. */
const splitPath = (path: string): readonly [name: string, prefix: string] => {
  if (Buffer.byteLength(path) <= 100) return [path, ""]
  // Not at the end: a folder ends with a slash.
  const cut = path.lastIndexOf("/", Math.min(155, path.length - 2))
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

/** A tar file of these entries and of the folders above them, in the order of their paths. */
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

const text = (bytes: Buffer): string => bytes.toString("utf8").replace(/\0.*$/s, "")

/** The files and symbolic links of a tar file, by their paths without a leading "./"; throws at a hard link. */
export const untar = (archive: Buffer): ReadonlyMap<string, Entry> => {
  const entries = new Map<string, Entry>()
  let longName = ""
  for (let at = 0; at + block <= archive.length && archive[at] !== 0; ) {
    const field = (offset: number, width: number) => archive.subarray(at + offset, at + offset + width)
    const size = Number.parseInt(text(field(124, 12)), 8) || 0
    const content = archive.subarray(at + block, at + block + size)
    const kind = text(field(156, 1)) || "0"
    const prefix = text(field(257, 6)) === "ustar" ? text(field(345, 155)) : ""
    const path = (longName || (prefix === "" ? "" : `${prefix}/`) + text(field(0, 100))).replace(/^\.?\//, "")
    const mode = Number.parseInt(text(field(100, 8)), 8) & 0o777
    longName = kind === "L" ? text(content) : ""
    if (kind === "1") throw new Error(`${path} is a hard link, which is not read here`)
    if (kind === "0") entries.set(path, { path, mode, content })
    if (kind === "2") entries.set(path, { path, mode: 0o777, link: text(field(157, 100)) })
    at += block + Math.ceil(size / block) * block
  }
  return entries
}
