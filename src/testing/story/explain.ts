/**
 * A story in words: what is done in it, and, where it breaks something, all that somebody needs who has to mend it. The
 * broken invariant with its sentence, the story at its smallest, the last events before the break, how to run it again,
 * and the story as a value for a test of its own. Pure, but for the runs that shrinking takes.
 */
import { Effect } from "effect"
import { weatherNames } from "../levers/Faults.ts"
import { changesOf } from "./Happening.ts"
import { incidentSentence, roughly } from "./incidentSentence.ts"
import type { Act, Story } from "./Story.ts"
import { type Shrunk, shrink } from "./shrink.ts"
import type { RunOptions, Verdict } from "./simulate.ts"
import { since } from "./Trace.ts"

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`

const wishOf = (wish: Readonly<Record<string, unknown>>): string =>
  Object.entries(wish)
    .filter(([key, value]) => key !== "name" && key !== "node" && JSON.stringify(value) !== "{}")
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ")

const sentenceOf = (act: Act): string => {
  switch (act._tag) {
    case "Schedule": {
      const { name, node = "node-1" } = act.wish
      const wish = wishOf({ ...act.wish })
      const planted = act.planted === undefined ? "" : `, something is mounted there for ${roughly(act.planted)}`
      return `pod ${name} is scheduled on ${node}${planted}${wish === "" ? "" : `: ${wish}`}`
    }
    case "Delete":
      return `pod ${act.name} is deleted`
    case "Renew":
      return `pod ${act.name} is renewed by hand`
    case "Look":
      return `somebody looks how pod ${act.name} is`
    case "Change":
      return `pod ${act.name} has ${changesOf(act.change)}`
    case "WriteSecret":
      return `somebody writes the Secret ${act.secret}`
    case "WriteBundle":
      return `somebody writes ${act.bundle}`
    case "AddIssuer":
      return `the ${act.issuer.kind} ${act.issuer.name} is added`
    case "Join":
      return `${act.node} joins`
    case "Leave":
      return `${act.node} leaves for good`
  }
}

/** What is done in a story, in the order of time, after what holds all along. */
export const describeStory = (story: Story): ReadonlyArray<string> => {
  const { acts, faults, incidents, millis, nodes, requiresRepublish, syncSeconds } = story
  const weather = weatherNames.filter((name) => faults[name] !== 0).map((name) => `${name} ${faults[name]}`)
  const kubelet = `the kubelet looks every ${roughly(syncSeconds * 1000)}${requiresRepublish ? " and publishes again" : ""}`
  const done = [
    ...acts.map((act) => ({ at: act.at, what: sentenceOf(act) })),
    ...incidents.map((incident) => ({ at: incident.at, what: incidentSentence(incident) }))
  ]
  return [
    `${plural(nodes, "node")}, faults for ${roughly(millis)}, ${story.keys} keys; ${kubelet}`,
    ...(weather.length > 0 ? [`at every call: ${weather.join(", ")}`] : []),
    ...done.sort((one, other) => one.at - other.at).map(({ at, what }) => `${since(at)}  ${what}`)
  ]
}

const indented = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.map((line) => `  ${line}`)

/** What was found, in a line. */
export const findingOf = (verdict: Verdict): string => {
  if (verdict._tag === "passed") return "holds"
  return verdict._tag === "crash"
    ? (verdict.defect.split("\n")[0] ?? "")
    : `${verdict.broken.name}: ${verdict.broken.detail}`
}

const headOf = (seed: string, verdict: Verdict): ReadonlyArray<string> => {
  if (verdict._tag === "passed") return [`story ${seed} holds`]
  if (verdict._tag === "crash") return [`story ${seed} crashes`, ...indented(verdict.defect.split("\n").slice(0, 12))]
  const { detail, name, sentence, step } = verdict.broken
  return [`story ${seed} breaks ${verdict._tag}: ${name}`, ...indented([sentence, `Seen at step ${step}: ${detail}`])]
}

/** The last events that led to the break; for a crash those before it. */
const tailOf = ({ outcome }: Shrunk, last: number): ReadonlyArray<string> => {
  const { outcome: verdict } = outcome
  return verdict._tag === "safety" || verdict._tag === "liveness" ? verdict.broken.trace : outcome.lines(last)
}

/** A story as a line of TypeScript that runs it, without what says nothing. */
const literalOf = ({ faults, ...story }: Story): string => {
  const some = Object.fromEntries(Object.entries(faults).filter(([, amount]) => amount !== 0))
  return `runStory({ ...${JSON.stringify(story)}, faults: Faults.of(${JSON.stringify(some)}) })`
}

/** A shrunk story as a text. `from` is the story that it was made of, `replay` the command that runs that one again. */
const report = (from: Story, shrunk: Shrunk, replay: string, last = 30): string => {
  const { minimal, outcome, runs, story } = shrunk
  const count = ({ acts, incidents }: Story) =>
    `${plural(acts.length, "act")} and ${plural(incidents.length, "incident")}`
  const how = minimal ? "nothing more can be left out" : "the runs were used up"
  return [
    ...headOf(from.seed, outcome.outcome),
    "",
    `The story, shrunk from ${count(from)} to ${count(story)} in ${plural(runs, "run")} (${how}):`,
    ...indented(describeStory(story)),
    "",
    "The last events:",
    ...indented(tailOf(shrunk, last)),
    "",
    `Again: ${replay}`,
    `For a test of its own: ${literalOf(story)}`
  ].join("\n")
}

/** Shrinks a story that breaks something and says all there is to say about it. */
export const explain = (story: Story, options: RunOptions = {}, replay = `seed ${story.seed}`): Effect.Effect<string> =>
  Effect.map(shrink(story, options), (shrunk) => report(story, shrunk, replay))
