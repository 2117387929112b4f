// The alert rules before Prometheus' own promtool: they are valid, each fires when it should and is silent when it
// should be, and there is none of which no story tells.
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
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

  it("stand next to a dashboard whose queries Prometheus takes", async () => {
    const dashboard: {
      readonly panels: ReadonlyArray<{ readonly targets?: ReadonlyArray<{ readonly expr: string }> }>
    } = JSON.parse(await readFile(join(chartFolder, "files/dashboard.json"), "utf8"))
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    const rules = queries.map((expr, index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replace(/\$(cluster|job|instance|namespace)\b/g, ".*")
    }))
    const folder = await mkdtemp(join(tmpdir(), "certlet-dashboard-"))
    // JSON is YAML.
    await writeFile(join(folder, "rules.yaml"), JSON.stringify({ groups: [{ name: "dashboard", rules }] }))
    const { stdout } = await run(await buildTool("promtool"), ["check", "rules", join(folder, "rules.yaml")])
    await rm(folder, { recursive: true })
    expect(stdout).toContain(`SUCCESS: ${queries.length} rules found`)
    expect(queries.length).toBeGreaterThan(25)
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
