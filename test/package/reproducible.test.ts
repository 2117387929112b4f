/**
 * The same sources give the same bytes: built and packed twice at once, in surroundings that differ in everything that
 * has no say in it: Node 24 and 26, folder, clock, the files' own times, time zone, locale, umask, home and number of
 * threads. Left out where the second Node does not start (it comes with `npm ci`, and is a program for the usual
 * Linux).
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, it } from "vitest"
import { folderOfTests } from "../kit/folders.ts"
import { describeWhere } from "../kit/needs.ts"
import { packedCopy, packLimitMilliseconds, run } from "../kit/packedCopy.ts"

const root = join(import.meta.dirname, "../..")
const platform = `node-${process.platform}-${process.arch}/bin/node`
const node24 = join(root, "node_modules", platform)
const node26 = join(root, "test/node26/node_modules", platform)

const folder = folderOfTests("reproducible")
const one = join(folder, "one")
const other = join(folder, "the other one", "with a longer way")

/** Every clock that JavaScript can read, ten years ahead. */
const inTenYears = `data:text/javascript,${encodeURIComponent(`
  const now = Date.now
  globalThis.Date = class extends Date {
    constructor(...given) { given.length === 0 ? super(now() + 315576e6) : super(...given) }
    static now() { return now() + 315576e6 }
  }`)}`

const digest = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex")

/** Every file below a folder by its path, with its content's digest. */
const digests = (top: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(top, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(top, path)).isFile())
      .sort()
      .map((path) => [path, digest(join(top, path))])
  )

describeWhere(spawnSync(node26, ["--version"]).status === 0, "needs the second Node")("built and packed twice", () => {
  let tarballs: ReadonlyArray<string>

  beforeAll(async () => {
    mkdirSync(one)
    mkdirSync(other, { recursive: true })
    const ahead = {
      NODE_OPTIONS: `--import=${inTenYears}`,
      TZ: "Pacific/Kiritimati",
      LC_ALL: "tr_TR.UTF-8",
      LANG: "tr_TR.UTF-8",
      HOME: other,
      GOMAXPROCS: "1"
    }
    tarballs = await Promise.all([
      packedCopy(one, { node: node24, environment: { TZ: "UTC", LC_ALL: "C" }, changed: new Date("2001-02-03") }),
      packedCopy(other, { node: node26, environment: ahead, umask: "077" })
    ])
  }, packLimitMilliseconds)

  it("was made in surroundings that really differ", async () => {
    const say = ["-p", "process.versions.node.split('.')[0]"]
    expect([await run(folder, node24, say), await run(folder, node26, say)]).toEqual(["24\n", "26\n"])
    const year = await run(folder, node26, [`--import=${inTenYears}`, "-p", "new Date().getFullYear()"])
    expect(Number(year)).toBeGreaterThanOrEqual(new Date().getFullYear() + 9)
  })

  it("is the same files with the same bytes", () => {
    const built = digests(join(one, "copy/dist"))
    expect(Object.keys(built)).toEqual(expect.arrayContaining(["certlet.mjs", "library/testing/index.d.ts"]))
    expect(digests(join(other, "copy/dist"))).toEqual(built)
  })

  it("knows nothing of the folder that it was made in", () => {
    const dist = join(other, "copy/dist")
    const telling = Object.keys(digests(dist)).filter((path) => readFileSync(join(dist, path)).includes(folder))
    expect(telling).toEqual([])
  })

  it("holds nothing of the clients that no node uses: each byte would lie in the memory of every node", () => {
    const read = (name: string) => readFileSync(join(one, "copy/dist", name), "utf8")
    const program = read("certlet.mjs")
    // What is found, and not the text around it: a failure would print two million characters.
    expect(/llhttp|CoreV1Api|undici|js-yaml|tsyringe/.exec(program)?.[0]).toBeUndefined()
    // One letter beyond Latin-1 would make V8 keep the whole text in twice the memory.
    expect([...program].filter((letter) => letter > "\u00ff")).toEqual([])
    expect(read("certlet-kubeconfig.mjs").includes("undici is not in this program")).toBe(true)
  })

  it("has Node evaluate no web client, which node:http would bring along for its WebSocket", async () => {
    const atEnd = "process.on('exit', () => console.log(process.moduleLoadList.filter((one) => /undici/.test(one))))"
    const say = [`--import=data:text/javascript,${encodeURIComponent(atEnd)}`, join(one, "copy/dist/certlet.mjs")]
    expect(await run(folder, node24, [...say, "--version"])).toMatch(/^certlet v?\S+\n\[\]\n$/)
  })

  it("is the same tarball", () => {
    expect(new Set(tarballs.map(digest)).size).toBe(1)
  })
})
