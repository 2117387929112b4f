/**
 * The base of the image: of Debian's packages only the files that certlet needs, which are four programs, the libraries
 * that these and Node are linked to, and each package's copyright and description. `debian.json` pins the packages by
 * their SHA-256. The descriptions lie where scanners of images look for Debian's packages, so that a flaw in one of
 * them is found.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { download } from "./download.ts"
import type { Architecture } from "./ociImage.ts"
import { type Entry, untar } from "./tar.ts"

/** Debian's release. */
export const suite = "trixie"

/** A package as `debian.json` holds it; the path is below a mirror of Debian, and begins with the archive's name. */
export interface Pinned {
  readonly name: string
  readonly version: string
  readonly path: string
  readonly sha256: string
}

interface Pins extends Readonly<Record<Architecture, ReadonlyArray<Pinned>>> {
  readonly suite: string
  /** When they were the newest; later Debian's mirrors drop them, and its archive of all times has them. */
  readonly snapshot: string
}

/** The pinned packages. */
export const pins: Pins = JSON.parse(readFileSync(join(import.meta.dirname, "debian.json"), "utf8"))

const triplets = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const

/** Where the loader has to be, by the standard of each processor. */
const loaders = {
  amd64: { path: "usr/lib64/ld-linux-x86-64.so.2", name: "ld-linux-x86-64.so.2", link: "../lib" },
  arm64: { path: "usr/lib/ld-linux-aarch64.so.1", name: "ld-linux-aarch64.so.1", link: "." }
} as const

/** Which files are taken from each package; a name ends with `*` where the file's version is part of it. */
export const takenFrom = (architecture: Architecture): Readonly<Record<string, ReadonlyArray<string>>> => {
  const libraries = (...names: ReadonlyArray<string>) =>
    names.map((name) => `usr/lib/${triplets[architecture]}/${name}`)
  return {
    "base-files": ["usr/lib/os-release", "usr/share/common-licenses/*"],
    findutils: ["usr/bin/xargs"],
    "gcc-14-base": [],
    libblkid1: libraries("libblkid.so.1*"),
    libc6: libraries(
      loaders[architecture].name,
      ...["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1"]
    ),
    "libcap-ng0": libraries("libcap-ng.so.0*"),
    "libgcc-s1": libraries("libgcc_s.so.1"),
    libmount1: libraries("libmount.so.1*"),
    "libpcre2-8-0": libraries("libpcre2-8.so.0*"),
    libselinux1: libraries("libselinux.so.1"),
    "libstdc++6": libraries("libstdc++.so.6*"),
    mount: ["usr/bin/mount", "usr/bin/umount"],
    "util-linux": ["usr/bin/setpriv"]
  }
}

/** The members of a Debian package, which is an archive as ar(1) writes it. */
const members = (deb: Buffer): ReadonlyMap<string, Buffer> => {
  const found = new Map<string, Buffer>()
  for (let at = 8; at + 60 <= deb.length; ) {
    const name = deb
      .toString("latin1", at, at + 16)
      .trim()
      .replace(/\/$/, "")
    const size = Number(deb.toString("latin1", at + 48, at + 58))
    found.set(name, deb.subarray(at + 60, at + 60 + size))
    at += 60 + size + (size % 2)
  }
  return found
}

const member = (deb: Buffer, name: string): ReadonlyMap<string, Entry> => {
  const packed = members(deb).get(`${name}.tar.xz`)
  if (packed === undefined) throw new Error(`a Debian package has no ${name}.tar.xz`)
  return untar(execFileSync("xz", ["--decompress", "--stdout"], { input: packed, maxBuffer: 1 << 28 }))
}

/** The entries that one package gives: what is taken from it, its copyright and its description. */
const entriesOf = (deb: Buffer, name: string, taken: ReadonlyArray<string>): ReadonlyArray<Entry> => {
  const data = member(deb, "data")
  const files = taken.flatMap((wanted) => {
    const found = wanted.endsWith("*")
      ? [...data.values()].filter(({ path }) => path.startsWith(wanted.slice(0, -1)))
      : [...data.values()].filter(({ path }) => path === wanted)
    if (found.length === 0) throw new Error(`Debian's package ${name} has no ${wanted}`)
    return found
  })
  const description = member(deb, "control").get("control")
  if (description === undefined) throw new Error(`Debian's package ${name} has no control file`)
  const copyright = data.get(`usr/share/doc/${name}/copyright`)
  return [
    // mount(8) is setuid on a Debian; here only root runs it.
    ...files.map((entry) => ({ ...entry, mode: entry.link === undefined ? entry.mode & 0o755 : entry.mode })),
    { ...description, path: `var/lib/dpkg/status.d/${name}` },
    ...(copyright === undefined ? [] : [copyright])
  ]
}

const folderLinks: ReadonlyArray<Entry> = ["bin", "lib"].map((path) => ({ path, mode: 0o777, link: `usr/${path}` }))

const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) })

/** Resolves with the files of the image's base. */
export const debianBase = async (architecture: Architecture): Promise<ReadonlyArray<Entry>> => {
  const taken = takenFrom(architecture)
  const loader = loaders[architecture]
  const entries: Array<Entry> = []
  for (const { name, path, sha256 } of pins[architecture]) {
    const [archive = "", ...rest] = path.split("/")
    const archived = `https://snapshot.debian.org/archive/${archive}/${pins.snapshot}/${rest.join("/")}`
    const deb = await download([`https://deb.debian.org/${path}`, archived], sha256)
    entries.push(...entriesOf(deb, name, taken[name] ?? []))
  }
  return [
    ...entries,
    ...folderLinks,
    ...(architecture === "amd64" ? [{ path: "lib64", mode: 0o777, link: "usr/lib64" }] : []),
    { path: loader.path, mode: 0o777, link: `${loader.link}/${triplets[architecture]}/${loader.name}` },
    { path: "etc/os-release", mode: 0o777, link: "../usr/lib/os-release" },
    text("etc/nsswitch.conf", "hosts: files dns\n"),
    text("etc/passwd", "root:x:0:0:root:/:/nologin\n"),
    text("etc/group", "root:x:0:\n"),
    { path: "tmp", mode: 0o1777 }
  ]
}
