// The alert rules before Prometheus' own promtool: they are valid, each fires when it should and is silent when it
// should be, and there is none of which no story tells.
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { buildTool } from "./build.ts"
import { chartFolder } from "./manifests.ts"

const run = promisify(execFile)
const rules = join(chartFolder, "files/alerts.yaml")
const stories = join(import.meta.dirname, "alerts.test.yaml")

describe("the alert rules", { timeout: 900_000 }, () => {
  it("are what Prometheus takes", async () => {
    const { stdout } = await run(await buildTool("promtool"), ["check", "rules", "--lint=all", "--lint-fatal", rules])
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/)
  })

  it("fire when they should, and are silent when they should be", async () => {
    const { stdout } = await run(await buildTool("promtool"), ["test", "rules", stories], { cwd: import.meta.dirname })
    expect(stdout).toContain("SUCCESS")
  })

  it("stand in a story each", async () => {
    const names = [...(await readFile(rules, "utf8")).matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    const told = await readFile(stories, "utf8")
    expect(names.length).toBeGreaterThan(10)
    expect(
      names.filter((name) => ![`alertname="${name}"`, `alertname: ${name}`].some((by) => told.includes(by)))
    ).toEqual([])
  })
})
