/**
 * A release: its version stands in step everywhere, a tag that does not fit is refused with each reason, the notes are
 * what the changelog says of the newest version, and sha256sum(1) agrees with the checksums. The workflow calls only
 * what is there.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { loadYaml } from "@kubernetes/client-node"
import { afterAll, describe, expect, it } from "vitest"
import { checksums, newestNotes, objectionsTo, outOfStep } from "../../k8s/release.ts"
import { version } from "../../src/Version.ts"

const root = resolve(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "certlet-release-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A copy of the places where the version stands, one of them changed. */
const copyWith = (name: string, place: string, change: (text: string) => string): string => {
  const copy = join(folder, name)
  const files = ["package.json", "package-lock.json", "CHANGELOG.md", "k8s/chart/Chart.yaml"]
  for (const file of [...files, "k8s/certlet.yaml", "k8s/attributes.md"]) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(root, file), join(copy, file))
  }
  writeFileSync(join(copy, place), change(readFileSync(join(copy, place), "utf8")))
  return copy
}

const released = (text: string) => text.replace(/^## .*$/m, `## ${version}, 2026-12-24`)

describe("the version", () => {
  it("is the same everywhere", () => {
    expect(outOfStep()).toEqual([])
  })

  it.each([
    ["k8s/chart/Chart.yaml", "appVersion is 9.9.9"],
    ["k8s/certlet.yaml", "k8s/certlet.yaml says 9.9.9"],
    ["package-lock.json", "package-lock.json says 9.9.9"]
  ])("is missed in %s", (place, said) => {
    const copy = copyWith(place.replaceAll("/", "-"), place, (text) => text.replaceAll(version, "9.9.9"))
    expect(outOfStep(copy).join("\n")).toContain(said)
  })
})

describe("a tag", () => {
  it("is taken where version and changelog fit", () => {
    expect(objectionsTo(`v${version}`, copyWith("right", "CHANGELOG.md", released))).toEqual([])
  })

  it("is refused with each reason where they do not", () => {
    const copy = copyWith("wrong", "CHANGELOG.md", (text) => text.replace(/^## .*$/m, `## ${version}, unreleased`))
    expect(objectionsTo("v9.9.9", copy)).toEqual([
      `the tag is v9.9.9, package.json says ${version}`,
      `CHANGELOG.md has no heading "## ${version}, YYYY-MM-DD"`
    ])
  })
})

describe("what a release brings", () => {
  it("is told by what the changelog says of the newest version alone", () => {
    expect(newestNotes("# Changelog\n\n## 2.0.0, 2027-01-01\n\n- new\n\n## 1.0.0, 2026-01-01\n\n- old\n")).toBe(
      "- new\n"
    )
    expect(newestNotes(readFileSync(join(root, "CHANGELOG.md"), "utf8"))).toMatch(/^- /)
  })

  it("has checksums with which sha256sum agrees", () => {
    const files = join(folder, "files")
    mkdirSync(files)
    for (const name of ["certlet.yaml", "a b.tgz"]) writeFileSync(join(files, name), name)
    execFileSync(process.execPath, [join(root, "k8s/release.ts"), "checksums", files])
    expect(readFileSync(join(files, "SHA256SUMS"), "utf8")).toBe(checksums(files))
    expect(execFileSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: files, encoding: "utf8" })).toBe(
      "a b.tgz: OK\ncertlet.yaml: OK\n"
    )
  })

  it("is made by scripts and files that are there", () => {
    const workflow: { readonly jobs: Readonly<Record<string, { readonly steps: ReadonlyArray<{ run?: string }> }>> } =
      loadYaml(readFileSync(join(root, ".github/workflows/release.yml"), "utf8"))
    const commands = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []))
    const manifest: { readonly scripts: object } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
    const scripts = commands.flatMap((text) => [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name))
    expect(scripts.length).toBeGreaterThan(1)
    expect(scripts.filter((name) => !Object.keys(manifest.scripts).includes(name ?? ""))).toEqual([])
    const own = commands.flatMap((text) => [...text.matchAll(/node k8s\/release\.ts (\w+)/g)].map(([, name]) => name))
    expect([...new Set(own)].sort()).toEqual(["check", "checksums", "notes"])
  })
})

describe("the workflows", () => {
  it("name each action by the commit of a version, which nobody can move", () => {
    const folder = join(root, ".github/workflows")
    const uses = readdirSync(folder).flatMap((file) =>
      readFileSync(join(folder, file), "utf8")
        .split("\n")
        .filter((line) => /^\s*(?:- )?uses:/.test(line))
        .map((line) => `${file}:${line.replace(/^\s*(?:- )?uses:/, "")}`)
    )
    expect(uses.length).toBeGreaterThan(5)
    expect(uses.filter((line) => !/ [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([])
  })
})
