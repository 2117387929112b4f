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
import { certlet } from "../../kit/certlet.ts"
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

const pageOf = (seed: number, knobs: Partial<FleetOrder> = {}) =>
  Effect.runSync(
    Effect.map(
      runFleet(planOf({ ...order, ...knobs }), seed, () => Effect.void),
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

  it("says on top what became of the fleet", () => {
    const [verdict = ""] = /<p class="verdict.*?<\/p>/s.exec(pageOf(7)) ?? []
    expect(verdict).toMatch(
      /No certificate expired, though the issuer was away for 6h: the least life .* was [\d.]+ h\./
    )
    expect(verdict).toMatch(/busiest second had \d+ requests? with jitter, \d+ without/)
    const late = pageOf(7, { outageSeconds: 172_800 })
    expect(late).toContain('class="verdict bad"')
    expect(late).toMatch(/[\d,]+ of [\d,]+ certificates expired before their renewal/)
  })

  it("says how long the stretches are that its points stand for", () => {
    const captions = [...pageOf(7).matchAll(/<figcaption>([^<]*)/g)].map(([, text]) => text)
    expect(captions).toHaveLength(figures.length)
    expect(captions[0]).toBe(
      "With jitter. Each point is 48m: its mean, and of its seconds the highest and the 99th percentile"
    )
  })

  it("is the same for the same seed, and another for another", () => {
    expect(pageOf(7)).toBe(pageOf(7))
    expect(pageOf(8)).not.toBe(pageOf(7))
  })

  it("is written by certlet simulate, which prints every knob and repeats itself to the byte", async () => {
    const simulate = (flags: ReadonlyArray<string>) => Effect.runPromise(certlet(["simulate", ...flags]))
    const { stdout: first } = await simulate([
      "7",
      "--nodes",
      "20",
      "--pods",
      "400",
      "--days",
      "12",
      "--report",
      order.report
    ])
    const [line = ""] = first.split("\n")
    const page = readFileSync(order.report, "utf8")
    expect(line).toContain("--outage-day 4 --outage-kind stalls")
    expect(first).toMatch(/events in .* a second\nmemory: \d+ bytes for a pod/)
    await simulate(line.split(" ").slice(2))
    expect(readFileSync(order.report, "utf8")).toBe(page)
  }, 120_000)
})

/** What a browser makes of the page; runs in the browser. */
const look = `
const box = (element) => element.getBoundingClientRect()
const figures = [...document.querySelectorAll("figure")].map((figure) => {
  const svg = [...figure.querySelectorAll("svg")].find((each) => box(each).width > 0)
  const marks = [...svg.querySelectorAll(":not(clipPath) > path, text")]
  const inside = marks.filter((mark) => {
    const [outer, inner] = [box(svg), box(mark)]
    const isWithin = inner.left >= outer.left - 1 && inner.right <= outer.right + 1
    return isWithin && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1
  })
  const drawn = 'path[fill="none"]:is([stroke^="var(--line"], [stroke="var(--pale)"])'
  const lines = [...svg.querySelectorAll(drawn)]
  return {
    id: figure.id,
    width: box(svg).width,
    marks: marks.length,
    inside: inside.length,
    smallestText: Math.min(...[...svg.querySelectorAll("text")].map((text) => box(text).height)),
    shade: Math.max(...[...svg.querySelectorAll('[fill="var(--shade)"]')].map((shade) => box(shade).width)),
    tallestLine: Math.max(...lines.map((line) => box(line).height))
  }
})
const found = {
  title: document.title,
  figures,
  loaded: performance.getEntriesByType("resource").length,
  tooWide: document.scrollingElement.scrollWidth > innerWidth
}
parent.postMessage(JSON.stringify(found), "*")`

interface Found {
  readonly title: string
  readonly figures: ReadonlyArray<
    Readonly<Record<"width" | "marks" | "inside" | "smallestText" | "shade" | "tallestLine", number>>
  >
  readonly loaded: number
  readonly tooWide: boolean
}

/** Opens the page in the browser, in a window of this width, and says what it made of it. */
const lookedAt = (width: number): Found => {
  const file = join(folder, `looked-at-${width}.html`)
  // A headless window is never narrower than 500 pixels; a frame is.
  const page = pageOf(7).replace("</body>", `<script>${look}</script></body>`)
  writeFileSync(file, page)
  const frame = join(folder, `frame-${width}.html`)
  const { href } = pathToFileURL(file)
  writeFileSync(
    frame,
    `<!doctype html><iframe src="${href}" style="width:${width}px;height:900px;border:0"></iframe><pre id="found"></pre>
<script>addEventListener("message", ({ data }) => { document.getElementById("found").textContent = data })</script>`
  )
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}/profile`]
  const dom = execFileSync(
    browser ?? "",
    [...flags, "--window-size=1300,1000", "--virtual-time-budget=5000", "--dump-dom", pathToFileURL(frame).href],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 60_000 }
  )
  return JSON.parse(/<pre id="found">(.*?)<\/pre>/.exec(dom)?.[1] || "null")
}

for (const { width, leastWidth } of [
  { width: 1100, leastWidth: 600 },
  { width: 390, leastWidth: 330 }
]) {
  describeWhere(browser !== undefined, "needs Chromium or Chrome")(
    `the fleet's page in a browser, ${width} pixels wide`,
    () => {
      let found: Found
      beforeAll(() => {
        found = lookedAt(width)
      }, 90_000)

      it("shows every plot, whole and at a size that can be read", () => {
        expect(found.title).toBe("certlet: 400 pods on 20 nodes for 12 days")
        expect(found.figures).toHaveLength(figures.length)
        for (const figure of found.figures) {
          expect(figure.width).toBeGreaterThan(leastWidth)
          expect(figure.marks).toBeGreaterThan(20)
          expect(figure.inside).toBe(figure.marks)
          expect(figure.smallestText).toBeGreaterThan(11)
          // The outage can be seen, however long the fleet runs.
          expect(figure.shade).toBeGreaterThan(2)
          // A line that is drawn has a height: the load goes up and down.
          expect(figure.tallestLine).toBeGreaterThan(50)
        }
      })

      it("fits the window and loads nothing", () => {
        expect([found.tooWide, found.loaded]).toEqual([false, 0])
      })
    }
  )
}
