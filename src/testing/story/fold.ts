/**
 * What a trace leaves out when it is read for a fault: a kubelet that publishes a running pod again every minute, and
 * is told that all is well. Stretches of that are one line, so that the lines before it come into sight. Pure.
 */
import type { Event } from "./Happening.ts"

/** A stretch of publishes of running pods that all went well. */
export interface Fold {
  readonly first: Event
  readonly publishes: number
}

/** So many lines in a row are worth folding. */
const least = 4

/** The steps of all calls to publish a pod that had been published before, and of their answers, that went well. */
const quietSteps = (events: ReadonlyArray<Event>): ReadonlySet<number> => {
  const quiet = new Set<number>()
  const published = new Set<string>()
  const called = new Map<string, number>()
  for (const { step, what } of events) {
    if (what._tag === "PublishCalled") called.set(what.volume.volumeId, step)
    if (what._tag !== "PublishAnswered") continue
    const { volumeId } = what.volume
    const call = called.get(volumeId)
    called.delete(volumeId)
    if (what.failure !== undefined) continue
    if (published.has(volumeId) && call !== undefined) quiet.add(call).add(step)
    published.add(volumeId)
  }
  return quiet
}

/** Events with the quiet stretches among them folded. */
export const fold = (events: ReadonlyArray<Event>): ReadonlyArray<Event | Fold> => {
  const quiet = quietSteps(events)
  const folded: Array<Event | Fold> = []
  for (let i = 0; i < events.length; ) {
    let end = i
    while (quiet.has(events[end]?.step ?? 0)) end++
    const stretch = events.slice(i, Math.max(end, i + 1))
    const [first] = stretch
    const publishes = stretch.filter(({ what }) => what._tag === "PublishCalled").length
    if (first !== undefined && stretch.length >= least) folded.push({ first, publishes })
    else folded.push(...stretch)
    i += stretch.length
  }
  return folded
}
