/**
 * One story as a page: time from left to right, a lane for the user and for each kubelet, certlet and disk, one for the
 * API server and one for the issuer. Faults are bands, over the lanes of their node or over all. A mark is what
 * happened there at that moment, and leads to the list of all events below. Pure: the same story gives the same page.
 */
import { describeStory } from "../../testing/story/explain.ts"
import { incidentSentence, lengthOf } from "../../testing/story/incidentSentence.ts"
import type { Story } from "../../testing/story/Story.ts"
import { since, type Told } from "../../testing/story/Trace.ts"
import { page } from "./page.ts"

/** What a page is drawn of. */
export interface ToldStory {
  readonly story: Story
  readonly told: ReadonlyArray<Told>
  /** True where every invariant held. */
  readonly holds: boolean
  /** What was found, in a line. */
  readonly finding: string
  /** The command that draws it again. */
  readonly replay: string
}

/** In pixels; the page scales it, and scrolls sideways where it is narrower than half of this. */
const width = 1100
const [left, right, top, laneHeight] = [150, 12, 34, 22]
const plotWidth = width - left - right

const style = `.lanes{overflow-x:auto}.lanes svg{min-width:42rem;font:12px system-ui,sans-serif}
.lanes text{fill:var(--text)}
.lane{stroke:var(--rule)}.band{fill:var(--shade);opacity:.14}.mark{fill:var(--line-1)}.mark.bad{fill:var(--bad)}
a:hover .mark{opacity:.5}.end{stroke:var(--line-3);stroke-dasharray:4 3}tr.bad td{color:var(--bad)}
tr:target{background:var(--shade)}.events td{padding:.1rem .8rem .1rem 0;font-size:.85rem}
.events td.n{white-space:nowrap}`

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const lanesOf = ({ nodes }: Story): ReadonlyArray<string> => [
  "faults",
  "user",
  ...Array.from({ length: nodes }, (_, i) =>
    ["kubelet", "certlet", "disk"].map((who) => `${who} node-${i + 1}`)
  ).flat(),
  "API server",
  "issuer"
]

const laneOf = ({ where, who }: Told): string => {
  if (who === "fault" || who === "story") return "faults"
  if (who === "user" || who === "issuer") return who
  return where === "" || who === "api" ? "API server" : `${who} ${where}`
}

/** Lengths of time that read well on an axis, in seconds. */
const paces = [1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800]

const axis = (millis: number, x: (at: number) => number, bottom: number): string => {
  const pace = (paces.find((seconds) => millis / (seconds * 1000) <= 10) ?? millis / 10_000) * 1000
  return Array.from({ length: Math.floor(millis / pace) + 1 }, (_, i) => i * pace)
    .map(
      (at) => `<line class="lane" x1="${x(at)}" x2="${x(at)}" y1="${top}" y2="${bottom}"/>
<text x="${x(at)}" y="${bottom + 16}" text-anchor="middle">${since(at).trim().slice(0, -4)}</text>`
    )
    .join("")
}

/** An incident that names its node strikes the lanes of that node, any other one all of them. */
const bands = ({ incidents, millis }: Story, lanes: ReadonlyArray<string>, x: (at: number) => number): string =>
  incidents
    .map((incident) => {
      const sentence = incidentSentence(incident)
      const isStruck = (lane: string) =>
        lane === "faults" || !sentence.includes(incident.node) || lane.endsWith(` ${incident.node}`)
      // The end of all faults ends each of them.
      const until = Math.min(millis, incident.at + lengthOf(incident))
      const [from, long] = [x(incident.at), Math.max(1, x(until) - x(incident.at))]
      const struck = lanes.flatMap((lane, i) =>
        isStruck(lane)
          ? [`<rect class="band" x="${from}" y="${top + i * laneHeight}" width="${long}" height="${laneHeight}"/>`]
          : []
      )
      return `<g><title>${escaped(`${since(incident.at).trim()} ${sentence}`)}</title>${struck.join("")}</g>`
    })
    .join("\n")

/** So many sentences are shown of the events behind one mark. */
const mostTold = 6

/** The events of one lane that fall onto one pixel are one mark. */
const marks = (told: ReadonlyArray<Told>, lanes: ReadonlyArray<string>, x: (at: number) => number): string => {
  const grouped = Map.groupBy(told, (event) => `${lanes.indexOf(laneOf(event))} ${Math.round(x(event.at))}`)
  return [...grouped]
    .map(([key, events]) => {
      const [lane = 0, at = 0] = key.split(" ").map(Number)
      const [first] = events
      const more = events.length > mostTold ? [`and ${events.length - mostTold} more`] : []
      const title = [...events.slice(0, mostTold).map(({ at, sentence }) => `${since(at).trim()} ${sentence}`), ...more]
      const bad = events.some(({ isTrouble }) => isTrouble) ? " bad" : ""
      // What happens often at once stands out: a mark grows with the number of its events.
      const height = Math.min(laneHeight - 4, 6 + 4 * Math.log2(events.length))
      const y = top + lane * laneHeight + (laneHeight - height) / 2
      return `<a href="#step-${first?.step}">
<rect class="mark${bad}" x="${at - 1}" y="${y}" width="2.5" height="${height}"/>
<title>${escaped(title.join("\n"))}</title></a>`
    })
    .join("\n")
}

const timeline = ({ story, told }: ToldStory): string => {
  const lanes = lanesOf(story)
  const bottom = top + lanes.length * laneHeight
  const millis = Math.max(1, story.millis, told.at(-1)?.at ?? 0)
  const x = (at: number) => Math.round((left + (Math.min(at, millis) / millis) * plotWidth) * 10) / 10
  const named = lanes.map((lane, i) => {
    const y = top + i * laneHeight
    return `<line class="lane" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>
<text x="${left - 8}" y="${y + 15}" text-anchor="end">${lane}</text>`
  })
  return `<figure class="lanes" role="img" aria-label="What happened, over time">
<svg viewBox="0 0 ${width} ${bottom + 24}">
${axis(millis, x, bottom)}
${named.join("\n")}
${bands(story, lanes, x)}
<line class="end" x1="${x(story.millis)}" x2="${x(story.millis)}" y1="${top - 6}" y2="${bottom}"/>
<text x="${x(story.millis)}" y="${top - 12}" text-anchor="middle">faults end</text>
${marks(told, lanes, x)}
</svg></figure>`
}

const row = ({ at, isTrouble, sentence, step, where, who }: Told): string =>
  `<tr id="step-${step}"${isTrouble ? ' class="bad"' : ""}><td class="n">${step}</td>
<td class="n">${since(at).trim()}</td>
<td>${escaped(where)}</td><td>${who}</td><td>${escaped(sentence)}</td></tr>`

/** The page. */
export const timelinePage = (one: ToldStory): string => {
  const { finding, holds, replay, story, told } = one
  const [, ...done] = describeStory(story)
  return page(
    `story ${escaped(story.seed)}`,
    `<h1>Story ${escaped(story.seed)}</h1>
<p class="verdict${holds ? "" : " bad"}">${holds ? "Every invariant holds." : escaped(finding)}</p>
<p>${told.length} events on ${story.nodes === 1 ? "one node" : `${story.nodes} nodes`}. Bands are faults, red marks are
what failed or was made to. A mark says what happened, and leads to its place in the list below.
Again: <code>${escaped(replay)}</code></p>
${timeline(one)}
<details><summary>What was done: ${story.acts.length} acts, ${story.incidents.length} incidents</summary>
<ul>${done.map((line) => `<li>${escaped(line)}</li>`).join("\n")}</ul></details>
<h2>Every event</h2>
<table class="events"><thead>
<tr><th class="n">step</th><th class="n">time</th><th>node</th><th>who</th><th></th></tr></thead><tbody>
${told.map(row).join("\n")}
</tbody></table>`,
    style
  )
}
