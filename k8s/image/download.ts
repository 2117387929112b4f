/**
 * What an image is made of and does not lie in this repository: files that are known by their hash. They are fetched
 * once into a folder of the user's cache, and a file whose hash is not the one that was asked for is never used,
 * wherever it came from.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { mkdir, readdir, readFile } from "node:fs/promises"
import { homedir, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"

const downloadLimitMilliseconds = 300_000

const place = async (): Promise<string> => {
  const { CERTLET_CACHE, XDG_CACHE_HOME } = process.env
  const folder = resolve(CERTLET_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "certlet"), "image")
  await mkdir(folder, { recursive: true })
  return folder
}

const keep = (file: string, bytes: Uint8Array): void => {
  const partial = `${file}.partial-${process.pid}`
  writeFileSync(partial, bytes)
  renameSync(partial, file)
}

/** Why something failed, down to the first cause: a fetch says in its cause what was wrong with the network. */
const reasonsOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause === undefined ? cause.message : `${cause.message}: ${reasonsOf(cause.cause)}`
}

/** Resolves with the file at the first of these addresses that has it; rejects where its SHA-256 (hex) is another. */
export const download = async (addresses: ReadonlyArray<string>, sha256: string): Promise<Buffer> => {
  const file = join(await place(), sha256)
  const isRight = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex") === sha256
  if (existsSync(file)) {
    const bytes = await readFile(file)
    if (isRight(bytes)) return bytes
  }
  const failures: Array<string> = []
  for (const address of addresses) {
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(downloadLimitMilliseconds) })
      if (!answer.ok) throw new Error(`it answered ${answer.status}`)
      const bytes = Buffer.from(await answer.arrayBuffer())
      if (!isRight(bytes)) throw new Error(`its SHA-256 is not ${sha256}`)
      keep(file, bytes)
      return bytes
    } catch (cause) {
      failures.push(`${address}: ${reasonsOf(cause)}`)
    }
  }
  throw new Error(`a file that the image needs cannot be fetched\n${failures.join("\n")}`)
}

/** Resolves with an npm package's tarball, from where npm has it; rejects where its integrity (SRI) is another. */
export const npmPackage = async (name: string, version: string, integrity: string): Promise<Buffer> => {
  const file = join(await place(), `${name}-${version}.tgz`)
  const isRight = (bytes: Uint8Array) => `sha512-${createHash("sha512").update(bytes).digest("base64")}` === integrity
  if (existsSync(file) && isRight(readFileSync(file))) return readFile(file)
  const folder = mkdtempSync(join(tmpdir(), "certlet-npm-"))
  try {
    const args = ["pack", `${name}@${version}`, "--silent", "--pack-destination", folder]
    await promisify(execFile)("npm", args, { cwd: folder, timeout: downloadLimitMilliseconds })
    const bytes = await readFile(join(folder, (await readdir(folder))[0] ?? ""))
    if (!isRight(bytes)) throw new Error(`the integrity of ${name}@${version} is not the one of package-lock.json`)
    keep(file, bytes)
    return bytes
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
