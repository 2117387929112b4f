/**
 * The manuals lie beside what they describe, and point at each other. A link that leads nowhere, to a file or to a
 * heading, is found here; so is an image or a folder that has moved.
 */
import { existsSync, globSync, readFileSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "..")

const manuals = globSync(["*.md", ".github/*.md", "{k8s,nix,src,test}/**/*.md"], {
  cwd: root,
  exclude: ["**/node_modules"]
}).sort()

/** A heading's name in a link, as GitHub makes it. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-")

const anchorsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchor(heading))

/** What of a manual's links leads nowhere. */
const deadLinks = (path: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, path), "utf8").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = "", heading] = link.split("#")
      const target = file === "" ? join(root, path) : join(root, dirname(path), file)
      if (!existsSync(target)) return true
      return heading !== undefined && (!statSync(target).isFile() || !anchorsOf(target).includes(heading))
    })

describe("the manuals", () => {
  it("are where the front page sends its readers", () => {
    const front = readFileSync(join(root, "README.md"), "utf8")
    const unlinked = manuals.filter((path) => path.endsWith("/README.md") && !front.includes(`](${path})`))
    expect(unlinked).toEqual([])
    expect(front.split("\n").length).toBeLessThan(140)
  })

  it.each(manuals)("%s has no dead link", (path) => {
    expect(deadLinks(path)).toEqual([])
  })
})
