/**
 * The hash by which Nix knows a tree of files, computed without Nix: SHA-256 of its archive in Nix' own format (NAR,
 * Eelco Dolstra's thesis, section 5.2). An archive holds names, contents, links and the executable bit, and neither
 * times nor owners nor other modes. It is hashed as it is read; nothing is held but one file at a time.
 */
import { createHash, type Hash } from "node:crypto"
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"

/** A string of the archive: its length in 64 bits, its bytes, zeros up to the next multiple of eight. */
const put = (hash: Hash, ...strings: ReadonlyArray<string | Buffer>): void => {
  for (const string of strings) {
    const bytes = typeof string === "string" ? Buffer.from(string) : string
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(bytes.length))
    hash.update(length).update(bytes)
    hash.update(Buffer.alloc((8 - (bytes.length % 8)) % 8))
  }
}

const bytewise = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

/** Tells whether a path, relative to the top, is left out. */
type Omitted = (path: string) => boolean

const putNode = (hash: Hash, top: string, inside: string, omitted: Omitted): void => {
  const path = join(top, inside)
  const stat = lstatSync(path)
  put(hash, "(", "type")
  if (stat.isSymbolicLink()) {
    put(hash, "symlink", "target", readlinkSync(path))
  } else if (stat.isDirectory()) {
    put(hash, "directory")
    const names = readdirSync(path).filter((name) => !omitted(join(inside, name)))
    for (const name of names.sort(bytewise)) {
      put(hash, "entry", "(", "name", name, "node")
      putNode(hash, top, join(inside, name), omitted)
      put(hash, ")")
    }
  } else {
    put(hash, "regular")
    if ((stat.mode & 0o100) !== 0) put(hash, "executable", "")
    put(hash, "contents", readFileSync(path))
  }
  put(hash, ")")
}

/** The hash of a file, link or folder as `nix hash path` prints it: `sha256-` and base64. */
export const narHash = (path: string, omitted: Omitted = () => false): string => {
  const hash = createHash("sha256")
  put(hash, "nix-archive-1")
  putNode(hash, path, "", omitted)
  return `sha256-${hash.digest("base64")}`
}
