/**
 * `certlet check` as a developer runs it: the transcript in the manual is what it prints, it reads from a pipe, and its
 * exit code says what it found.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { runCertlet } from "../kit/certlet.ts"

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
  it("prints what the manual shows", () => {
    const [order = "", ...lines] = block("console").split("\n")
    expect(order).toBe("$ certlet check web.yaml --explain")
    const ended = runCertlet(["check", file, "--explain"])
    expect(spoken(ended).split("\n")).toEqual(lines)
    expect(ended.status).toBe(1)
  })

  it("reads a pipe, and ends with 0 where all is well", () => {
    const sound = block("yaml").replace(/.*(?:duratoin|is-ca).*\n/g, "")
    const options = { encoding: "utf8", input: sound } as const
    const said = execFileSync(process.execPath, [join(root, "src/main.ts"), "check", "-", "-o", "json"], options)
    expect(JSON.parse(said)).toEqual({ volumes: 2, refused: 0, unreadable: [], findings: [] })
  })

  it("ends with 64 where a file cannot be read", () => {
    const { status, stderr } = runCertlet(["check", "/nonexistent.yaml"])
    expect({ status, stderr }).toMatchObject({
      status: 64,
      stderr: expect.stringContaining("cannot read /nonexistent.yaml")
    })
  })
})
