/**
 * What is generated from `proto/` is committed, so that running certlet needs no generator; here it is held to its
 * source.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const bin = join(root, "node_modules/.bin")
const folder = mkdtempSync(join(tmpdir(), "certlet-generated-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const texts = (path: string) =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "utf8")]))

it("is what proto/ says", () => {
  execFileSync(join(bin, "buf"), ["generate", "--output", join(folder, "proto")], {
    cwd: join(root, "proto"),
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, XDG_CACHE_HOME: folder },
    timeout: 100_000,
    stdio: "pipe"
  })
  expect(texts(join(folder, "src/csi/generated"))).toEqual(texts(join(root, "src/csi/generated")))
})
