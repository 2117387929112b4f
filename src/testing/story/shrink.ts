/**
 * A story that breaks something, made smaller until it says why. First everything is left out that the break does not
 * need: acts, incidents, weather. Then what remains is made plainer: one node, pods without extras, shorter faults, a
 * shorter story. A smaller story counts where it breaks the same invariant in the same words. Whatever a user brings
 * along, invariants, faults or layers, is run with it like certlet's own. The number of runs is bounded; where it
 * suffices, no act, no incident and no weather can be left out of what comes back.
 */
import { Effect } from "effect"
import { type FaultName, incidentNames, weatherNames } from "../levers/Faults.ts"
import type { PodWish, VolumeWish } from "../parts/SimPod.ts"
import { needsRepublish } from "./needsRepublish.ts"
import { type Act, madeBy, needsOf, type Story } from "./Story.ts"
import { type Outcome, type RunOptions, runStory, type Verdict } from "./simulate.ts"

/** What became of a story. */
export interface Shrunk {
  /** The smallest story that still breaks the same. */
  readonly story: Story
  /** How it breaks. */
  readonly outcome: Outcome
  /** How many stories were run for it. */
  readonly runs: number
  /** True where leaving out any one part was tried and mends it. */
  readonly minimal: boolean
}

/** How many runs a story is worth by default. */
const usualRuns = 250

/** What can be left out of a story. */
type Part =
  | { readonly _tag: "Act"; readonly act: Act }
  | { readonly _tag: "Incident"; readonly incident: Story["incidents"][number] }
  | { readonly _tag: "Weather"; readonly name: FaultName }

const partsOf = ({ acts, faults, incidents }: Story): ReadonlyArray<Part> => [
  ...weatherNames.filter((name) => faults[name] !== 0).map((name): Part => ({ _tag: "Weather", name })),
  ...incidents.map((incident): Part => ({ _tag: "Incident", incident })),
  ...acts.map((act): Part => ({ _tag: "Act", act }))
]

/**
 * Acts that make sense together: no pod needs what nobody makes, and nobody deletes or changes a pod that was never
 * scheduled.
 */
const sensible = (acts: ReadonlyArray<Act>): ReadonlyArray<Act> => {
  const made = acts.flatMap(madeBy)
  const possible = acts.filter((act) => act._tag !== "Schedule" || needsOf(act.wish).every((one) => made.includes(one)))
  const scheduled = new Set(possible.flatMap((act) => (act._tag === "Schedule" ? [act.wish.name] : [])))
  return possible.filter((act) => !("name" in act) || scheduled.has(act.name))
}

/** The story of these parts only. */
const withParts = (story: Story, parts: ReadonlyArray<Part>): Story => {
  const weather = new Set<string>(parts.flatMap((part) => (part._tag === "Weather" ? [part.name] : [])))
  const acts = parts.flatMap((part) => (part._tag === "Act" ? [part.act] : []))
  const off = weatherNames.filter((name) => !weather.has(name)).map((name) => [name, 0] as const)
  return {
    ...story,
    faults: { ...story.faults, ...Object.fromEntries(off) },
    incidents: parts.flatMap((part) => (part._tag === "Incident" ? [part.incident] : [])),
    acts: sensible(acts)
  }
}

/** What was seen, without the names and numbers that are another's in every run. */
const wordsOf = (detail: string): string => detail.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, "#")

/** Whether two stories break the same: one that breaks it in other words has something else wrong with it. */
const isSame = (one: Verdict, other: Verdict): boolean => {
  if (one._tag === "safety" || one._tag === "liveness") {
    if (one._tag !== other._tag || one.broken.name !== other.broken.name) return false
    return wordsOf(one.broken.detail) === wordsOf(other.broken.detail)
  }
  return one._tag === other._tag
}

/** The smallest story so far, and what trying costs. */
class Attempts {
  story: Story
  outcome: Outcome
  runs = 0
  readonly #first: Verdict
  readonly #options: RunOptions
  readonly #limit: number

  constructor(story: Story, outcome: Outcome, options: RunOptions, limit: number) {
    this.story = story
    this.outcome = outcome
    this.#first = outcome.outcome
    this.#options = options
    this.#limit = limit
  }

  get isSpent(): boolean {
    return this.runs >= this.#limit
  }

  /** Runs a story; where it breaks the same, it is the smallest from now on. */
  readonly take = (story: Story): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      if (this.isSpent) return Effect.succeed(false)
      this.runs += 1
      return Effect.map(runStory(story, this.#options), (outcome) => {
        if (!isSame(this.#first, outcome.outcome)) return false
        this.story = story
        this.outcome = outcome
        return true
      })
    })
}

/** Leaves out ever smaller stretches of parts, until no single one can be. */
const leaveOut = Effect.fnUntraced(function* (attempts: Attempts) {
  let size = Math.ceil(partsOf(attempts.story).length / 2)
  while (size >= 1) {
    let isSmaller = false
    for (let at = 0; at < partsOf(attempts.story).length; ) {
      const parts = partsOf(attempts.story)
      if (yield* attempts.take(withParts(attempts.story, parts.toSpliced(at, size)))) isSmaller = true
      else at += size
    }
    if (attempts.isSpent || (size === 1 && !isSmaller)) return
    size = Math.max(1, Math.floor(size / 2))
  }
})

const replaced = <A>(list: ReadonlyArray<A>, at: number, one: A): ReadonlyArray<A> => list.with(at, one)

const without = <A>(whole: Readonly<Record<string, A>>, key: string): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(whole).filter(([other]) => other !== key))

/** A volume's wish without one of its extras, or without one of its attributes. */
const plainerVolumes = ({ attributes = {}, ...extras }: VolumeWish): ReadonlyArray<VolumeWish> => [
  ...Object.keys(extras).map((key) => ({ attributes, ...without(extras, key) })),
  ...Object.keys(attributes).map((key) => ({ ...extras, attributes: without(attributes, key) }))
]

/** A pod's wish without one of its extras, attributes or volumes, or with a plainer volume. */
const plainerWishes = ({ name, node = "node-1", volumes, ...wish }: PodWish & { readonly name: string }) => {
  const plainer = plainerVolumes(wish).map((one) => ({
    name,
    node,
    ...one,
    ...(volumes === undefined ? {} : { volumes })
  }))
  if (volumes === undefined) return plainer
  const [first] = Object.values(volumes)
  return [
    { name, node, ...wish, ...first },
    ...Object.keys(volumes).map((key) => ({ name, node, ...wish, volumes: without(volumes, key) })),
    ...plainer,
    ...Object.entries(volumes).flatMap(([key, volume]) =>
      plainerVolumes(volume).map((one) => ({ name, node, ...wish, volumes: { ...volumes, [key]: one } }))
    )
  ].filter(({ volumes }) => volumes === undefined || Object.keys(volumes).length > 0)
}

type Scheduled = Extract<Act, { readonly _tag: "Schedule" }>

/** A pod with nothing in the way of its volumes. */
const plainlyPlaced = ({ planted, ...act }: Scheduled): ReadonlyArray<Scheduled> => (planted === undefined ? [] : [act])

/** Pods without one of their extras. */
const plainerPods = (story: Story): ReadonlyArray<Story> =>
  story.acts.flatMap((act, at) =>
    act._tag === "Schedule"
      ? [...plainlyPlaced(act), ...plainerWishes(act.wish).map((wish) => ({ ...act, wish }))].map((plainer) => ({
          ...story,
          acts: sensible(replaced(story.acts, at, plainer))
        }))
      : []
  )

/** Incidents that last half as long, down to a second. */
const shorterIncidents = (story: Story): ReadonlyArray<Story> =>
  story.incidents.flatMap((incident, at) =>
    incident.millis <= 1000
      ? []
      : [1000, Math.ceil(incident.millis / 2)].map((millis) => ({
          ...story,
          incidents: replaced(story.incidents, at, { ...incident, millis })
        }))
  )

/** Weather that is half as strong. */
const milderWeather = (story: Story): ReadonlyArray<Story> =>
  weatherNames
    .filter((name) => story.faults[name] > 0.05)
    .map((name) => ({
      ...story,
      faults: { ...story.faults, [name]: Math.round((story.faults[name] / 2) * 1000) / 1000 }
    }))

/** When the last thing is done to the cluster. */
const lastOf = ({ acts, incidents }: Story): number => Math.max(0, ...[...acts, ...incidents].map(({ at }) => at))

/** Faults end sooner. */
const shorterStories = (story: Story): ReadonlyArray<Story> => {
  const last = lastOf(story)
  const ends = [last + 60_000, last + 3_600_000, Math.floor(last + (story.millis - last) / 2)]
  return ends.filter((millis) => millis < story.millis).map((millis) => ({ ...story, millis }))
}

/** Everything on one node. */
const oneNode = (story: Story): ReadonlyArray<Story> => {
  if (story.nodes === 1 && !story.acts.some(({ _tag }) => _tag === "Join")) return []
  const acts = story.acts
    .filter((act) => !("node" in act))
    .map((act) => (act._tag === "Schedule" ? { ...act, wish: { ...act.wish, node: "node-1" } } : act))
  const incidents = story.incidents.map((incident) => ({ ...incident, node: "node-1" }))
  return [{ ...story, nodes: 1, acts, incidents }]
}

/** A kubelet that publishes once, where nothing needs more. */
const oncePublished = (story: Story): ReadonlyArray<Story> =>
  story.requiresRepublish && !needsRepublish(story) ? [{ ...story, requiresRepublish: false }] : []

/** Publishes that wait for a minute. */
const usuallyPatient = ({ publishSeconds, ...story }: Story): ReadonlyArray<Story> =>
  publishSeconds === undefined ? [] : [story]

/** Requests in certlet's own name. */
const withoutTokens = (story: Story): ReadonlyArray<Story> =>
  story.useTokenRequest ? [{ ...story, useTokenRequest: false }] : []

/** Times in whole seconds. */
const rounder = (story: Story): ReadonlyArray<Story> => {
  const round = <A extends { readonly at: number }>(one: A): A => ({ ...one, at: Math.round(one.at / 1000) * 1000 })
  const rounded = { ...story, acts: story.acts.map(round), incidents: story.incidents.map(round) }
  return JSON.stringify(rounded) === JSON.stringify(story) ? [] : [rounded]
}

/** Nothing happens before the first thing that does. */
const atOnce = (story: Story): ReadonlyArray<Story> => {
  const first = Math.min(...[...story.acts, ...story.incidents].map(({ at }) => at))
  if (first === 0 || !Number.isFinite(first)) return []
  const sooner = <A extends { readonly at: number }>(one: A): A => ({ ...one, at: one.at - first })
  const millis = story.millis - first
  return [{ ...story, millis, acts: story.acts.map(sooner), incidents: story.incidents.map(sooner) }]
}

const plainer = [
  oneNode,
  atOnce,
  oncePublished,
  withoutTokens,
  usuallyPatient,
  shorterStories,
  plainerPods,
  shorterIncidents,
  milderWeather,
  rounder
]

/** Makes what is left plainer, as long as anything helps. */
const simplify = Effect.fnUntraced(function* (attempts: Attempts) {
  let isPlainer = true
  while (isPlainer && !attempts.isSpent) {
    isPlainer = false
    for (const candidates of plainer) {
      for (let at = 0; at < candidates(attempts.story).length; at++) {
        const candidate = candidates(attempts.story)[at]
        if (candidate !== undefined && (yield* attempts.take(candidate))) isPlainer = true
      }
    }
  }
})

/** Incidents stand in the story already: that they were drawn from rates is past. */
const withoutRates = (story: Story): Story => ({
  ...story,
  faults: { ...story.faults, ...Object.fromEntries(incidentNames.map((name) => [name, 0])) }
})

/**
 * Makes a story that breaks something as small as at most `limit` runs allow; one that breaks nothing stays as it is.
 */
export const shrink = Effect.fnUntraced(function* (
  story: Story,
  options: RunOptions = {},
  limit: number = usualRuns
): Effect.fn.Return<Shrunk> {
  const whole = withoutRates(story)
  const outcome = yield* runStory(whole, options)
  if (outcome.outcome._tag === "passed") return { story, outcome, runs: 1, minimal: false }
  const attempts = new Attempts(whole, outcome, options, limit)
  yield* leaveOut(attempts)
  yield* simplify(attempts)
  yield* leaveOut(attempts)
  return { story: attempts.story, outcome: attempts.outcome, runs: attempts.runs + 1, minimal: !attempts.isSpent }
})
