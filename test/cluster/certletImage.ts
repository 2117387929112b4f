// An image of certlet for tests, when the release image is not what is tested: the bundle, the Node that runs the tests
// (the pinned one), the handful of util-linux's programs that certlet and its manifest start, the libraries that all of
// these are linked to, and the CA roots, taken from this machine, which is a Debian. No shell, no package manager.
// `certlet` is on its PATH, as the manifest expects of every image of certlet.
import { execFile } from "node:child_process"
import { readdir, readFile } from "node:fs/promises"
import { basename, dirname, join, relative } from "node:path"
import { promisify } from "node:util"
import { version } from "../../src/Version.ts"
import { compileCacheEnvironment, compileCacheOf } from "./bundle.ts"
import { type Entry, ociImage } from "./ociImage.ts"

/** What `certlet:<version>` of the manifest is to a container runtime. */
export const certletImageName = `docker.io/library/certlet:${version}`

/** mount(8), umount(8) and xargs(1) are certlet's; setpriv(1) is the manifest's, env(1) the bundle's first line's. */
const tools = ["mount", "umount", "xargs", "setpriv", "env"].map((name) => `/usr/bin/${name}`)
const roots = "/etc/ssl/certs/ca-certificates.crt"

/** The shared libraries of a program, the loader among them, by the paths that it looks for. */
const librariesOf = async (program: string): Promise<ReadonlyArray<string>> => {
  const { stdout } = await promisify(execFile)("ldd", [program], { timeout: 20_000 })
  return stdout.split("\n").flatMap((line) => line.match(/(?:^|\s)(\/\S+) \(0x/)?.[1] ?? [])
}

const file = async (path: string, mode: number, from = path): Promise<Entry> => ({
  path: path.slice(1),
  mode,
  content: await readFile(from)
})

/**
 * The image with this bundle, as an archive; another mark makes another image of the same program: the next release's.
 */
export const certletImage = async (program: string, mark = ""): Promise<Buffer> => {
  const programs = [...tools, process.execPath]
  const libraries = new Set((await Promise.all(programs.map(librariesOf))).flat())
  const cache = await readdir(compileCacheOf(program), { recursive: true, withFileTypes: true })
  const cached = cache.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name))
  const inside = (path: string) => `/usr/lib/certlet/${relative(dirname(program), path)}`
  const entries = await Promise.all([
    ...tools.map((tool) => file(tool, 0o755)),
    ...[...libraries].map((library) => file(library, 0o755)),
    file("/usr/bin/node", 0o755, process.execPath),
    file(inside(program), 0o755, program),
    ...cached.map((path) => file(inside(path), 0o644, path)),
    file(roots, 0o644)
  ])
  return ociImage({
    name: certletImageName,
    entries: [...entries, { path: "usr/bin/certlet", mode: 0o777, link: `../lib/certlet/${basename(program)}` }],
    entrypoint: ["/usr/bin/certlet"],
    environment: [
      "PATH=/usr/bin",
      ...Object.entries(compileCacheEnvironment(inside(program))).map(([name, value]) => `${name}=${value}`),
      ...(mark === "" ? [] : [`RELEASE=${mark}`])
    ]
  })
}
