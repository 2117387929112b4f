/**
 * The fleet's page: whole in itself, the same for the same seed, and, where a Chromium is installed, opened in it and
 * looked at: what a browser lays out is measured by a script that the test adds.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { fleetPage } from "../../../src/commands/simulate/fleetPage.ts"
import { type FleetOrder, planOf } from "../../../src/commands/simulate/Order.ts"
import { runFleet } from "../../../src/commands/simulate/runFleet.ts"
import { runCertlet } from "../../kit/certlet.ts"
import { folderOfTests } from "../../kit/folders.ts"
import { describeWhere } from "../../kit/needs.ts"

const folder = folderOfTests("fleet")

const order: FleetOrder = {
  kind: "fleet",
  seed: 7,
  report: join(folder, "fleet.html"),
  nodes: 20,
  pods: 400,
  days: 12,
  durationSeconds: 86_400,
  renewBeforeSeconds: undefined,
  rolloutSeconds: 3600,
  issuerRate: 5,
  outageDay: 4,
  outageSeconds: 21_600,
  outageKind: "stalls"
}

const pageOf = (seed: number) =>
  Effect.runSync(
    Effect.map(
      runFleet(planOf(order), seed, () => Effect.void),
      fleetPage
    )
  )

const figures = ["api-server", "api-server-plain", "issuer", "lifetimes", "herd"]
const browser = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0
)

describe("the fleet's page", () => {
  it("loads nothing from anywhere", () => {
    const page = pageOf(7)
    const addresses = [...page.matchAll(/(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)/g)].map(([, address]) => address)
    expect(addresses.filter((address) => !/^(data:|#)/.test(address ?? ""))).toEqual([])
    expect(page).not.toContain("<script")
    expect([...page.matchAll(/<figure id="([a-z-]+)"/g)].map(([, id]) => id)).toEqual(figures)
  })

  it("is the same for the same seed, and another for another", () => {
    expect(pageOf(7)).toBe(pageOf(7))
    expect(pageOf(8)).not.toBe(pageOf(7))
  })

  it("is written by certlet simulate, which prints every knob and repeats itself to the byte", () => {
    const simulate = (flags: ReadonlyArray<string>) => runCertlet(["simulate", ...flags]).stdout
    const first = simulate(["7", "--nodes", "20", "--pods", "400", "--days", "12", "--report", order.report])
    const [line = ""] = first.split("\n")
    const page = readFileSync(order.report, "utf8")
    expect(line).toContain("--outage-day 4 --outage-kind stalls")
    expect(first).toMatch(/events in .* a second\nmemory: \d+ bytes for a pod/)
    simulate(line.split(" ").slice(2))
    expect(readFileSync(order.report, "utf8")).toBe(page)
  }, 120_000)
})

/** What a browser makes of the page; runs in the browser. */
const look = `
const box = (element) => element.getBoundingClientRect()
const figures = [...document.querySelectorAll("figure")].map((figure) => {
  const svg = figure.querySelector("svg")
  const marks = [...svg.querySelectorAll(":not(clipPath) > path, text")]
  const inside = marks.filter((mark) => {
    const [outer, inner] = [box(svg), box(mark)]
    return inner.left >= outer.left - 1 && inner.right <= outer.right + 1 && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1
  })
  const lines = [...svg.querySelectorAll('path[fill="none"][stroke="#0072b2"], path[fill="none"][stroke="#d55e00"], path[fill="none"][stroke="#8cbfdc"]')]
  return {
    id: figure.id,
    width: box(svg).width,
    marks: marks.length,
    inside: inside.length,
    tallestLine: Math.max(...lines.map((line) => box(line).height))
  }
})
const found = {
  title: document.title,
  figures,
  loaded: performance.getEntriesByType("resource").length,
  tooWide: document.scrollingElement.scrollWidth > innerWidth
}
const pre = document.createElement("pre")
pre.id = "found"
pre.textContent = JSON.stringify(found)
document.body.append(pre)`

interface Found {
  readonly title: string
  readonly figures: ReadonlyArray<Readonly<Record<"width" | "marks" | "inside" | "tallestLine", number>>>
  readonly loaded: number
  readonly tooWide: boolean
}

describeWhere(browser !== undefined, "needs Chromium or Chrome")("the fleet's page in a browser", () => {
  let found: Found
  beforeAll(() => {
    const file = join(folder, "looked-at.html")
    writeFileSync(file, pageOf(7).replace("</body>", `<script>${look}</script></body>`))
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}/profile`]
    const dom = execFileSync(
      browser ?? "",
      [...flags, "--window-size=1100,900", "--dump-dom", pathToFileURL(file).href],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 60_000 }
    )
    found = JSON.parse(/<pre id="found">(.*?)<\/pre>/.exec(dom)?.[1] ?? "null")
  }, 90_000)

  it("shows every plot, whole and at a size that can be read", () => {
    expect(found.title).toBe("certlet: 400 pods on 20 nodes for 12 days")
    expect(found.figures).toHaveLength(figures.length)
    for (const figure of found.figures) {
      expect(figure.width).toBeGreaterThan(600)
      expect(figure.marks).toBeGreaterThan(20)
      expect(figure.inside).toBe(figure.marks)
      // A line that is drawn has a height: the load goes up and down.
      expect(figure.tallestLine).toBeGreaterThan(50)
    }
  })

  it("fits the window and loads nothing", () => {
    expect([found.tooWide, found.loaded]).toEqual([false, 0])
  })
})
