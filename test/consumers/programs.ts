/**
 * The programs of other people that read certlet's files in tests, as far as this machine has them. A test that needs
 * one which is missing is left out with a word.
 */
import { execFile, execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** Where the programs of this folder stand. */
export const consumers = import.meta.dirname

/** True where a program is there and answers. */
export const isPresent = (program: string, ...args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(program, args, { timeout: 30_000, stdio: "ignore" })
    return true
  } catch {
    console.warn(`${program} is not on this machine: the tests that need it are left out`)
    return false
  }
}

/** Runs a program to its end: what it wrote; an error with what it complained of. */
export const run = (program: string, ...args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 60_000, encoding: "utf8" }, (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(`${program} ${args.join(" ")}: ${stderr}${stdout}`))
    )
  })

/**
 * Builds the Go program once for these sources, into a cache outside the repository; two builds at once end in one
 * file.
 */
export const buildGoPair = async (): Promise<string> => {
  const sources = join(consumers, "go")
  const hash = createHash("sha256")
  for (const name of readdirSync(sources).sort()) hash.update(readFileSync(join(sources, name)))
  const home = process.env.CERTLET_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "certlet")
  const program = join(home, "tls-pair", hash.digest("hex").slice(0, 16))
  if (existsSync(program)) return program
  mkdirSync(join(home, "tls-pair"), { recursive: true })
  const fresh = `${program}.${process.pid}`
  execFileSync("go", ["build", "-trimpath", "-o", fresh, "."], { cwd: sources, timeout: 170_000, stdio: "pipe" })
  renameSync(fresh, program)
  return program
}
