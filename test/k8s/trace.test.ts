import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, it } from "vitest"
import { bundle } from "../kit/bundle.ts"
import { root } from "../kit/sources.ts"

/** Line and column of a text in a file, counted from 1. */
const find = (path: string, text: string) => {
  const before = readFileSync(path, "utf8").split(text)
  expect(before).toHaveLength(2)
  const lines = (before[0] ?? "").split("\n")
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 }
}

describe("npm run trace", () => {
  it("prints a log with the places of the sources, and leaves everything else as it is", {
    timeout: 180_000
  }, async () => {
    const program = await bundle()
    const said = "the volume's attributes have changed, so it is replaced"
    const [there, here] = [find(program, said), find(join(root, "src/driver/publish.ts"), said)]
    const [place, others] = [
      `${basename(program)}:${there.line}:${there.column}`,
      "node:events:488:28 certlet.mjs certlet.mjs:1:1 certlet-none.mjs:3:4"
    ]
    const log = `{"stack":"at a (file:///opt/certlet/${place})\\nat ${place} ${others}"}\n`
    const printed = execFileSync(process.execPath, ["k8s/image/trace.ts"], { cwd: root, input: log, encoding: "utf8" })
    const text = `src/driver/publish.ts:${here.line}`
    expect(printed.replaceAll(new RegExp(`(${text}):\\d+`, "g"), "$1")).toBe(
      `{"stack":"at a (${text})\\nat ${text} ${others}"}\n`
    )
  })
})
