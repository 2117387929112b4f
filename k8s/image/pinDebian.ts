/**
 * Writes `debian.json`: which versions of Debian's packages the image is made of, with their hashes, for both
 * architectures (`node k8s/image/pinDebian.ts`, on a Debian or Ubuntu). It asks apt in a folder of its own, so the
 * hashes are those of indexes that Debian has signed, and this machine's own packages have no say.
 */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { type Pinned, suite, takenFrom } from "./debian.ts"
import type { Architecture } from "./ociImage.ts"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

const pin = async (architecture: Architecture): Promise<ReadonlyArray<Pinned>> => {
  const folder = mkdtempSync(join(tmpdir(), "certlet-apt-"))
  try {
    for (const name of ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg"])
      mkdirSync(join(folder, name), { recursive: true })
    mkdirSync(join(folder, "var/cache/apt/archives/partial"), { recursive: true })
    writeFileSync(join(folder, "var/lib/dpkg/status"), "")
    const source = (archive: string, name: string) =>
      `deb [arch=${architecture} signed-by=${keyring}] http://deb.debian.org/${archive} ${name} main\n`
    const sources = source("debian", suite) + source("debian-security", `${suite}-security`)
    writeFileSync(join(folder, "etc/apt/sources.list"), sources)
    const options = {
      Dir: folder,
      "Dir::State::status": join(folder, "var/lib/dpkg/status"),
      "APT::Architecture": architecture,
      "APT::Architectures::": architecture,
      "Acquire::Languages": "none"
    }
    const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])
    const apt = async (...args: ReadonlyArray<string>) =>
      (await promisify(execFile)("apt-get", [...flags, ...args])).stdout
    await apt("update")
    const said = await apt("download", "--print-uris", ...Object.keys(takenFrom(architecture)))
    return [...said.matchAll(/^'http:\/\/deb\.debian\.org\/(\S+)' ([^_]+)_(\S+)_\S+\.deb \d+ SHA256:([0-9a-f]{64})$/gm)]
      .map(([, path = "", name = "", version = "", sha256 = ""]) => ({ name, version, path, sha256 }))
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const snapshot = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`
const pinned = { suite, snapshot, amd64: await pin("amd64"), arm64: await pin("arm64") }
writeFileSync(join(import.meta.dirname, "debian.json"), `${JSON.stringify(pinned, undefined, 2)}\n`)
