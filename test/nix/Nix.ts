/**
 * Nix with a store of its own, which goes with its folder, and with the stand-in for nixpkgs in the real one's place.
 * Builds run in Nix' sandbox where the kernel allows it: they see this machine's programs, the store, and no network
 * (but for fixed outputs). Flakes are copies of what git knows of this repository, or would after `git add`.
 */
import { execFile } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"

const root = resolve(import.meta.dirname, "../..")
const execute = promisify(execFile)

/** More than `nix flake check` takes on a machine that is busy with other things. */
const limitMilliseconds = 1_500_000

/** What a program is linked to, by this machine's loader. */
const librariesOf = async (program: string): Promise<ReadonlyArray<string>> => {
  const { stdout } = await execute("ldd", [program])
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path)
}

const named = (paths: ReadonlyArray<string>, pattern: RegExp) =>
  paths.filter((path) => pattern.test(path.slice(path.lastIndexOf("/") + 1)))

const libc = /^(ld-linux|lib(c|m|dl|pthread|rt|resolv)\.so)/

/** Where this machine has what the stand-in's packages are made of. */
const host = async () => {
  const node = realpathSync(join(root, "node_modules", `node-linux-${process.arch}`, "bin/node"))
  const files = (...names: ReadonlyArray<string>) => names.map((name) => realpathSync(`/usr/bin/${name}`))
  const tools = { mount: files("mount", "umount"), setpriv: files("setpriv"), xargs: files("xargs") }
  const ofNode = await librariesOf(node)
  const ofTools = await Promise.all(Object.values(tools).flat().map(librariesOf))
  const loader = named(ofNode, /^ld-linux/)
  const beside = (name: string) => join(dirname(named(ofNode, /^libc\.so/)[0] ?? ""), name)
  const npm = async (...args: ReadonlyArray<string>) => (await execute("npm", args)).stdout.trim()
  return {
    node,
    npm: realpathSync(join(await npm("root", "--global"), "npm")),
    registry: await npm("config", "get", "registry"),
    ...tools,
    glibc: [
      ...loader,
      ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2"].map(beside)
    ],
    gcc: ofNode.filter((path) => named([path], libc).length === 0),
    toolLibraries: [...new Set(ofTools.flat())].filter((path) => named([path], libc).length === 0),
    authorities: "/etc/ssl/certs/ca-certificates.crt"
  }
}

export class Nix {
  readonly folder: string
  /** Where Nix keeps what it builds. */
  readonly store: string

  /** Starts with an empty store; `stop` removes all of it. */
  static async start(): Promise<Nix> {
    for (const program of ["nix", "patchelf", "jq"]) {
      await execute(program, ["--version"]).catch((cause: unknown) => {
        throw new Error("the Nix tier needs Debian's packages nix-bin, patchelf and jq", { cause })
      })
    }
    const nix = new Nix(mkdtempSync(join(tmpdir(), "certlet-nix-")))
    const known = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    const { stdout } = await execute("git", known, { cwd: root })
    const paths = stdout.split("\0").filter((path) => path !== "" && existsSync(join(root, path)))
    for (const path of new Set(paths)) {
      cpSync(join(root, path), join(nix.folder, "repository", path))
    }
    const programs = await host()
    cpSync(join(root, "test/nix/nixpkgs"), join(nix.folder, "nixpkgs"), { recursive: true })
    writeFileSync(join(nix.folder, "nixpkgs/host.json"), JSON.stringify(programs, undefined, 2))
    mkdirSync(join(nix.folder, "etc"))
    const visible = ["/bin", "/usr", "/lib", "/lib64", "/etc/ssl", programs.node, programs.npm]
    const settings = {
      "experimental-features": "nix-command flakes",
      "build-users-group": "",
      sandbox: "true",
      "sandbox-paths": visible.join(" "),
      substituters: "",
      "warn-dirty": "false",
      "keep-build-log": "true"
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
    writeFileSync(join(nix.folder, "etc/nix.conf"), lines.join(""))
    return nix
  }

  /** One that another process has started, by its folder. */
  constructor(folder: string) {
    this.folder = folder
    this.store = join(folder, "store")
  }

  /**
   * Runs Nix in a folder, its clients and builders with an environment that has nothing of ours; resolves with what it
   * prints.
   */
  async run(cwd: string, ...args: ReadonlyArray<string>): Promise<string> {
    const at = (name: string) => join(this.folder, name)
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      TMPDIR: tmpdir(),
      NIX_STORE_DIR: this.store,
      NIX_STATE_DIR: at("state"),
      NIX_LOG_DIR: at("log"),
      NIX_CONF_DIR: at("etc"),
      XDG_CACHE_HOME: at("cache"),
      NO_COLOR: "1"
    }
    const options = { cwd, env, timeout: limitMilliseconds, maxBuffer: 1 << 28 }
    return execute("nix", args, options).then(
      ({ stdout }) => stdout,
      (cause: { readonly stdout: string; readonly stderr: string }) => {
        throw new Error(`nix ${args.join(" ")}\n${cause.stdout}\n${cause.stderr.slice(-8000)}`, { cause })
      }
    )
  }

  /** Runs a command of Nix on a flake with the stand-in in nixpkgs' place. */
  on(flake: string, command: ReadonlyArray<string>, ...args: ReadonlyArray<string>): Promise<string> {
    return this.run(flake, ...command, "--override-input", "nixpkgs", `path:${join(this.folder, "nixpkgs")}`, ...args)
  }

  /** Builds an output of a flake and resolves with its path. */
  async build(flake: string, output: string, ...args: ReadonlyArray<string>): Promise<string> {
    const built: ReadonlyArray<{ readonly outputs: { readonly out: string } }> = JSON.parse(
      await this.on(flake, ["build"], "--no-link", "--json", ...args, output)
    )
    return built.map(({ outputs }) => outputs.out).join(" ")
  }

  /** A copy at `name` of what the repository was when Nix was started, for `path:` flakes. */
  copy(name: string): string {
    const folder = join(this.folder, name)
    cpSync(join(this.folder, "repository"), folder, { recursive: true })
    return folder
  }

  /** A clone of the repository at `name`: a flake that sees what git has. */
  async clone(name: string): Promise<string> {
    const folder = this.copy(name)
    const git = (...args: ReadonlyArray<string>) => execute("git", args, { cwd: folder })
    await git("init", "--quiet")
    await git("add", "--all")
    return folder
  }

  /** Removes the store and all that was built. */
  async stop(): Promise<void> {
    // Nix makes all that it keeps read-only, and folders too.
    await execute("chmod", ["-R", "u+w", this.folder])
    await rm(this.folder, { recursive: true, force: true })
  }
}
