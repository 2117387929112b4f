/**
 * The manuals lie in the folder of what they describe, and point at each other. A link that leads nowhere, to a file or
 * to a heading, is found here, and so is a dependency that no table gives a reason for.
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

describe("an alert", () => {
  const rules = readFileSync(join(root, "k8s/chart/files/alerts.yaml"), "utf8").split("- alert: ").slice(1)

  it.each(rules.map((rule) => ({ rule, name: /^\w+/.exec(rule)?.[0] ?? "" })))(
    "$name leads to its runbook",
    (alert) => {
      const [, heading = ""] = /runbook_url: \S+\/k8s\/README\.md#(\S+)$/m.exec(alert.rule) ?? []
      expect(anchorsOf(join(root, "k8s/README.md"))).toContain(heading)
      const manual = readFileSync(join(root, "k8s/README.md"), "utf8").split(/^#+ /m)
      expect(manual.find((section) => anchor(section.split("\n")[0] ?? "") === heading)).toContain(`\`${alert.name}\``)
    }
  )
})

describe("the threat model", () => {
  const text = readFileSync(join(root, ".github/SECURITY.md"), "utf8")
  const named = [...text.matchAll(/`(test\/[^` ]+) › ([^`]+)`/g)].map(([, file = "", title = ""]) => ({ file, title }))

  it("names a test for each thing that somebody cannot do", () => {
    const isMissing = ({ file, title }: (typeof named)[number]) =>
      !existsSync(join(root, file)) || !readFileSync(join(root, file), "utf8").includes(`"${title}"`)
    expect(named.filter(isMissing)).toEqual([])
    expect(named.length).toBeGreaterThan(25)
    const claims = text.split(/\n(?=- |\n|#)/).filter((claim) => /^- .*\bcannot\b/s.test(claim))
    expect(claims.filter((claim) => !claim.includes(" › "))).toEqual([])
    expect(claims.length).toBeGreaterThan(20)
  })

  it("is short enough to be read", () => {
    expect(text.split("\n").length).toBeLessThanOrEqual(200)
  })
})

describe("the table of dependencies", () => {
  it("names each package that package.json asks for, with its reason", () => {
    const manifest: { readonly dependencies: object; readonly devDependencies: object } = JSON.parse(
      readFileSync(join(root, "package.json"), "utf8")
    )
    const rows = readFileSync(join(root, "test/README.md"), "utf8").split("## Dependencies")[1] ?? ""
    const named = [...rows.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].flatMap(([, names = ""]) =>
      names
        .replace(/\(.*\)/, "")
        .split(", ")
        .map((name) => name.trim())
    )
    const isNamed = (name: string) =>
      named.some((one) => one === name || (one.endsWith("*") && name.startsWith(one.slice(0, -1))))
    const asked = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(asked.filter((name) => !isNamed(name))).toEqual([])
    const isAsked = (name: string) =>
      asked.some((one) => one === name || (name.endsWith("*") && one.startsWith(name.slice(0, -1))))
    expect(named.filter((name) => !["package", "---"].includes(name) && !isAsked(name))).toEqual([])
  })
})
