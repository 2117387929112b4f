/** A story's page: whole in itself, the same for the same seed, a lane for everybody and a place for every event. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { timelinePage } from "../../../src/commands/simulate/timelinePage.ts"
import { drawStory, runStory } from "../../../src/testing/index.ts"
import { certlet } from "../../kit/certlet.ts"
import { folderOfTests } from "../../kit/folders.ts"

const folder = folderOfTests("timeline")

const pageOf = Effect.fnUntraced(function* (seed: number, finding = "") {
  const story = drawStory(seed, { nodes: 2, pods: 2 })
  const outcome = yield* runStory(story, { traceEvents: 100_000 })
  const page = timelinePage({ story, told: outcome.told(), holds: finding === "", finding, replay: "certlet simulate" })
  return { page, outcome, story }
})

describe("a story's page", () => {
  it.live("has a lane for everybody, a band for what lasts, and a row for every event that a mark leads to", () =>
    Effect.gen(function* () {
      const { outcome, page, story } = yield* pageOf(102)
      const lanes = [...page.matchAll(/text-anchor="end">([^<]+)/g)].map(([, lane]) => lane)
      const ofNode = (node: string) => ["kubelet", "certlet", "disk"].map((who) => `${who} ${node}`)
      expect(lanes).toEqual(["faults", "user", ...ofNode("node-1"), ...ofNode("node-2"), "API server", "issuer"])
      expect(page.match(/<g><title>/g)).toHaveLength(story.incidents.length)
      const rows = [...page.matchAll(/<tr id="(step-\d+)"/g)].map(([, id]) => id)
      expect(rows).toHaveLength(outcome.told().length)
      const led = [...page.matchAll(/href="#(step-\d+)"/g)].map(([, id]) => id)
      expect(led.length).toBeGreaterThan(20)
      expect(led.filter((id) => !rows.includes(id))).toEqual([])
    })
  )

  it.live("loads nothing, is the same for the same seed, and does not take what was found for its own markup", () =>
    Effect.gen(function* () {
      const { page } = yield* pageOf(101)
      expect(page).toBe((yield* pageOf(101)).page)
      expect([...page.matchAll(/(?:src|href)="(?!#|data:)/g)]).toEqual([])
      expect(page).toContain("Every invariant holds.")
      const broken = (yield* pageOf(101, 'few tries: <script>"too many"</script>')).page
      expect(broken).toContain(
        '<p class="verdict bad">few tries: &lt;script&gt;&quot;too many&quot;&lt;/script&gt;</p>'
      )
    })
  )

  it.live("is written by certlet simulate --html, which says where, and refuses a folder that is not there", () =>
    Effect.gen(function* () {
      const file = join(folder, "story.html")
      const { stdout } = yield* certlet(["simulate", "101", "--html", file])
      expect(stdout).toContain(`written: file://${file}`)
      expect(readFileSync(file, "utf8")).toContain(`certlet simulate 101 --faults swarm --html ${file}`)
      const nowhere = yield* certlet(["simulate", "101", "--html", join(folder, "nowhere", "story.html")])
      expect(nowhere.stderr).toMatch(/--html .*nowhere\/story\.html: cannot be written \(.*\); name a file in a folder/)
      expect(nowhere.code).toBe(1)
    })
  )
})
