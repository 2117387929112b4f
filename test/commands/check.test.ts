/**
 * `certlet check` as a developer runs it: the transcript in the manual is what it prints, it reads from a pipe, and its
 * exit code says what it found.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { bundle } from "../kit/bundle.ts"
import { certlet } from "../kit/certlet.ts"

const root = resolve(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "certlet-check-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const manual = readFileSync(join(root, "k8s/README.md"), "utf8").split("## Before the cluster")[1] ?? ""
const block = (language: string) => new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "m").exec(manual)?.[1] ?? ""

const file = join(folder, "web.yaml")
writeFileSync(file, block("yaml"))

/** What is printed, with the file called as in the manual. */
const spoken = ({ stderr, stdout }: { readonly stderr: string; readonly stdout: string }) =>
  `${stdout}${stderr}`.replaceAll(`${folder}/`, "")

describe("certlet check", () => {
  it("prints what the manual shows", async () => {
    const [order = "", ...lines] = block("console").split("\n")
    expect(order).toBe("$ certlet check web.yaml --explain")
    const ended = await Effect.runPromise(certlet(["check", file, "--explain"]))
    expect(spoken(ended).split("\n")).toEqual(lines)
    expect(ended.code).toBe(1)
  })

  it("reads a pipe, and ends with 0 where all is well", async () => {
    const sound = block("yaml").replace(/.*(?:duratoin|is-ca).*\n/g, "")
    const options = { encoding: "utf8", input: sound } as const
    const said = execFileSync(process.execPath, [await bundle(), "check", "-", "-o", "json"], options)
    expect(JSON.parse(said)).toEqual({ volumes: 2, refused: 0, unreadable: [], findings: [] })
  })

  it("ends with 64 where a file cannot be read", async () => {
    const { code, stderr } = await Effect.runPromise(certlet(["check", "/nonexistent.yaml"]))
    expect(code).toBe(64)
    expect(stderr).toContain("cannot read /nonexistent.yaml")
  })
})
