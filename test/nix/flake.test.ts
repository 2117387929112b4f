/**
 * The flake, built for real by Nix against a stand-in for nixpkgs (`nixpkgs/`): every output for this system, twice
 * where it has to come out the same, and evaluated down to its derivation for the other. What only the real nixpkgs can
 * show is written in nix/README.md.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gunzipSync } from "node:zlib"
import { describe, expect, inject, it } from "vitest"
import { programFiles } from "../../k8s/image/bundled.ts"
import { packedCopy } from "../kit/packedCopy.ts"
import { Nix } from "./Nix.ts"

const execute = promisify(execFile)
const output = "path:.#"

const nix = new Nix(inject("nix"))
const flake = nix.copy("one")

const evaluate = (folder: string, what: string) => nix.on(folder, ["eval"], "--raw", `${output}${what}`)

const runBuilt = async (program: string, ...args: ReadonlyArray<string>): Promise<string> =>
  (await execute(program, args, { env: {}, timeout: 60_000 })).stdout

describe("the flake", () => {
  it("fits its lock, offline and unchanged", async () => {
    const said = await nix.run(flake, "flake", "metadata", "--no-update-lock-file", "--json", "path:.")
    expect(JSON.parse(said).locks.nodes.nixpkgs.original.ref).toBe("nixos-26.05")
  })

  it("shows its outputs for every system", async () => {
    const shown = JSON.parse(await nix.on(flake, ["flake", "show"], "--json", "path:."))
    const nodes = ["aarch64-linux", "x86_64-linux"]
    for (const kind of ["packages", "apps", "checks"]) expect(Object.keys(shown[kind])).toEqual(nodes)
    for (const kind of ["devShells", "formatter"]) {
      expect(Object.keys(shown[kind])).toEqual(["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"])
    }
    expect(Object.keys(shown.packages[nodes[0] ?? ""])).toEqual(["default", "image", "image-stream"])
    expect(Object.keys(shown.nixosModules)).toEqual(["default"])
    expect(Object.keys(shown.overlays)).toEqual(["default"])
  })

  it.each(["aarch64-linux", "x86_64-linux"])("evaluates for %s down to the derivation of its image", async (system) => {
    expect(await evaluate(flake, `packages.${system}.image.drvPath`)).toMatch(/certlet\.tar\.gz\.drv$/)
  })

  it("lays the packages of the lock as npm does, whatever npm fetched them", async () => {
    const dependencies = await nix.build(flake, `${output}default.dependencies`)
    const installed = join(import.meta.dirname, "../../node_modules")
    const told = await execute("diff", ["-rq", "--no-dereference", dependencies, installed], {
      maxBuffer: 1 << 26
    }).catch(({ stdout }: { readonly stdout: string }) => ({ stdout }))
    // Only tarballs go in, each fixed by the lock's own hash.
    // npm has its list, renames a package's .gitignore, and which needs of left out packages it keeps depends on its
    // version; Nix brings its own Node; and tools keep their caches there.
    const only =
      /: (\.package-lock\.json|\.gitignore|@emnapi|@napi-rs|@tybys|node|(node-linux|certlet-node|\.vite|\.cache)\S*)$/
    const different = told.stdout.split("\n").filter((line) => line !== "" && !only.test(line))
    expect(different).toEqual([])
    const needed = await nix.run(flake, "show-derivation", await evaluate(flake, "default.dependencies.drvPath"))
    expect(needed).not.toMatch(/nodejs|npm-/)
  })

  it("takes no old dependencies for a new lock", async () => {
    const changed = nix.copy("changed-lock")
    const lock = join(changed, "package-lock.json")
    const text = readFileSync(lock, "utf8")
    writeFileSync(lock, text.replace(/("integrity": "sha512-)..../, "$1AAAA"))
    const dependencies = "default.dependencies.outPath"
    expect(await evaluate(changed, dependencies)).not.toBe(await evaluate(flake, dependencies))
  })
})

describe("the program", () => {
  it("is what npm run build makes, to the byte, and starts", async () => {
    const program = await nix.build(flake, `${output}default`)
    expect(await runBuilt(`${program}/bin/certlet`, "--version")).toContain("0.1.0")
    const folder = mkdtempSync(join(tmpdir(), "certlet-built-"))
    try {
      await packedCopy(folder, { sources: flake })
      for (const name of programFiles) {
        const built = readFileSync(join(program, "lib/certlet", name))
        expect(built.equals(readFileSync(join(folder, "copy/dist", name)))).toBe(true)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it("starts from its compile cache", async () => {
    const program = `${await nix.build(flake, `${output}default`)}/bin/certlet`
    const env = { NODE_DEBUG_NATIVE: "COMPILE_CACHE" }
    const { stderr } = await execute(program, ["--version"], { env, timeout: 60_000 })
    expect(stderr).toMatch(/V8 code cache for ESM \S+certlet.mjs was accepted/)
  })

  it("needs neither its dependencies nor npm nor what Node was built with", async () => {
    const closure = await nix.on(flake, ["path-info"], "--recursive", `${output}default`)
    expect(closure).toMatch(/-certlet-node$/m)
    expect(closure).not.toMatch(/-certlet-dependencies|-nodejs-24$|-nodejs-slim-24$|-gcc-14$/m)
  })

  it("comes out the same when it is built again, bit for bit", async () => {
    await nix.build(flake, `${output}default`, "--rebuild")
    await nix.build(flake, `${output}image`)
    await nix.build(flake, `${output}image`, "--rebuild")
  })

  it("is the same from a clone in another folder, whose demo runs", async () => {
    const clone = await nix.clone("somewhere/else")
    for (const name of ["default", "image"]) {
      expect(await nix.build(clone, `.#${name}`)).toBe(await nix.build(flake, `${output}${name}`))
    }
    const said = await nix.on(clone, ["run"], ".#demo")
    expect(said).toMatch(/^ {2}ok {4}/m)
    expect(said).not.toContain("FAILED")
  })
})

interface Image {
  readonly layers: ReadonlyArray<string>
  readonly digest: string
}

const layersOf = async (file: string): Promise<Image> => {
  const { stdout } = await execute("tar", ["-xOf", file, "manifest.json"])
  return { layers: JSON.parse(stdout)[0].Layers, digest: createHash("sha256").update(readFileSync(file)).digest("hex") }
}

describe("the image", () => {
  it("ships only its last layer in an update of certlet", async () => {
    const changed = nix.copy("changed-source")
    const version = join(changed, "src/Version.ts")
    appendFileSync(
      version,
      "\nexport const another = 1\nif (Math.random() > 1) process.stdout.write(String(another))\n"
    )
    const before = await layersOf(await nix.build(flake, `${output}image`))
    const after = await layersOf(await nix.build(changed, `${output}image`))
    expect(before.layers.length).toBeGreaterThan(3)
    expect(after.layers.slice(0, -1)).toEqual(before.layers.slice(0, -1))
    expect(after.layers.at(-1)).not.toBe(before.layers.at(-1))
    expect(after.digest).not.toBe(before.digest)
  })

  it("comes from a stream with the same bytes", async () => {
    const script = await nix.build(flake, `${output}image-stream`)
    const image = readFileSync(await nix.build(flake, `${output}image`))
    const { stdout } = await execute(script, [], { encoding: "buffer", maxBuffer: 1 << 30 })
    expect(stdout.equals(gunzipSync(image))).toBe(true)
  })
})

describe("nix flake check", () => {
  it("passes", async () => {
    // The ten lines that Nix shows by itself do not reach up to the test that failed.
    await nix.on(flake, ["flake", "check"], "path:.", "--log-lines", "60")
  })
})

describe("the shell", () => {
  it("has the pinned Node before all others, npm and a linter that starts", async () => {
    const script = 'command -v node; npm --version; echo "$BIOME_BINARY"'
    const said = await nix.on(flake, ["develop"], "path:.", "--command", "sh", "-c", script)
    expect(said).toMatch(/-nodejs-24\/bin\/node\n\d+\.\d+\.\d+\n\S+-biome$/m)
  })
})

describe("the NixOS module", () => {
  it("starts certlet with flags that it knows, within the memory of the manifest", async () => {
    const expression = `
      let
        lib = import ${nix.folder}/nixpkgs/lib.nix;
        module = import ${flake}/nix/module.nix {
          inherit lib;
          utils.escapeSystemdExecArgs = lib.concatStringsSep " ";
          config.networking.hostName = "node-1";
          config.services.certlet = {
            enable = true; package = { outPath = "/certlet"; meta.mainProgram = "certlet"; };
            nodeName = "node-1"; kubeconfig = "/etc/kubeconfig"; extraFlags = [ "--log-level=3" ];
          };
        };
      in {
        inherit (module.config.systemd.services.certlet) environment serviceConfig;
        commands = map toString module.config.environment.systemPackages;
      }`
    const service = JSON.parse(await nix.run(flake, "eval", "--impure", "--json", "--expr", expression))
    expect(service.commands).toEqual(["/certlet"])
    const [program, command, ...flags] = service.serviceConfig.ExecStart.split(" ")
    expect([program, command]).toEqual(["/certlet/bin/certlet", "run"])
    const help = await runBuilt(`${await nix.build(flake, `${output}default`)}/bin/certlet`, "run", "--help")
    for (const flag of flags) expect(help).toMatch(new RegExp(`^ *${flag.split("=")[0]}[ ,]`, "m"))
    const manifest = readFileSync(join(flake, "k8s/certlet.yaml"), "utf8")
    expect(manifest).toContain(`memory: ${service.serviceConfig.MemoryMax}i`)
    for (const name of ["MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"])
      expect(manifest).toContain(`name: ${name}, value: "${service.environment[name]}"`)
  })
  it("has a test for a virtual machine, whose script Python reads", async () => {
    const script = join(await nix.build(flake, `${output}default.tests.service`), "testScript.py")
    const read =
      "import ast, sys; print(sum('machine.' in line for line in ast.unparse(ast.parse(open(sys.argv[1]).read())).splitlines()))"
    expect(Number((await execute("python3", ["-c", read, script])).stdout)).toBeGreaterThan(5)
    const name = await evaluate(flake, "default.tests.service.nodes.machine.services.certlet.nodeName")
    expect(name).toBe("machine")
  })
})
