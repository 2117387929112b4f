// The page that Prometheus scrapes from a real certlet, before Prometheus' own promtool: names, types, units and help
// are as it wants them.
import { execFile } from "node:child_process"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { pageOfLife } from "../wire/pageOfLife.ts"
import { buildTool } from "./build.ts"

/** What promtool says of a page, and how it ends. */
const check = async (page: string): Promise<{ readonly code: unknown; readonly said: string }> => {
  const promtool = await buildTool("promtool")
  return new Promise((resolve) => {
    const child = execFile(promtool, ["check", "metrics"], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, said: stdout + stderr })
    )
    child.stdin?.end(page)
  })
}

describe("the page of metrics", { timeout: 900_000 }, () => {
  it("is what promtool asks for", async () => {
    const page = await Effect.runPromise(pageOfLife)
    expect(page).toContain("certmanager_csi_managed_volume_count{")
    expect(await check(page)).toEqual({ code: 0, said: "" })
  })

  it("would be refused with a gauge that is named like a counter", async () => {
    const { code, said } = await check("# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n")
    expect(code).toBe(3)
    expect(said).toContain("a_total")
  })
})
