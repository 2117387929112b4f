/**
 * What `.github/CONTRIBUTING.md` and the workflows say of this repository is so: every path exists, the drawing of
 * `src` has every room and every file at the top, and every command and every part of `.ci/run` is there.
 */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { loadYaml } from "@kubernetes/client-node"
import { describe, expect, it } from "vitest"
import { root, textOf } from "./kit/sources.ts"

const page = textOf(".github/CONTRIBUTING.md")
const workflow = textOf(".github/workflows/ci.yml")

const parts = [...new Set([...textOf(".ci/run").matchAll(/^wants (\w+)/gm)].map(([, part = ""]) => part))]

describe("the page for contributors", () => {
  it("names files that exist", () => {
    const paths = [...page.matchAll(/`((?:src|test|k8s|nix)\/[\w./-]+|[A-Z]+\.md)`/g)].map(([, path = ""]) => path)
    expect(paths.length).toBeGreaterThan(30)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it("draws src as it is", () => {
    const [, drawing = ""] = /```\nsrc\/\n([\s\S]*?)```/.exec(page) ?? []
    const drawn = [...drawing.matchAll(/^ {2}(\S+)/gm)].map(([, name = ""]) => name)
    const found = readdirSync(join(root, "src"), { withFileTypes: true }).map((one) =>
      one.isDirectory() ? `${one.name}/` : one.name
    )
    expect([...drawn].sort()).toEqual(found.sort())
  })

  it("gives commands that package.json has", () => {
    const manifest: { readonly scripts: object } = JSON.parse(textOf("package.json"))
    const commands = [...page.matchAll(/npm run ([\w:]+)/g)].map(([, name = ""]) => name)
    expect(commands).toContain("dev")
    expect(commands.filter((name) => !(name in manifest.scripts))).toEqual([])
  })

  it("names the parts that .ci/run has", () => {
    const named = [...page.matchAll(/`\.ci\/run (\w+)`/g)].map(([, part = ""]) => part)
    expect(parts).toEqual(named)
  })
})

describe("the workflow", () => {
  it("runs every part of .ci/run", () => {
    const read: unknown = loadYaml(workflow)
    expect(read).toMatchObject({ jobs: { part: { strategy: { matrix: { part: parts } } } } })
    expect(workflow).toMatch(/^ +- run: \.ci\/run \$\{\{ matrix\.part \}\}$/m)
  })

  it("pins every action by its commit", () => {
    const uses = [...workflow.matchAll(/uses: (.*)/g)].map(([, action = ""]) => action)
    expect(uses.length).toBeGreaterThan(0)
    expect(uses.filter((action) => !/@[0-9a-f]{40} # v[\d.]+$/.test(action))).toEqual([])
  })
})
