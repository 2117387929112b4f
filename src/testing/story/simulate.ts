/**
 * A story, run from end to end: the cluster is made, acts and incidents take their course, then faults end and
 * everything has to converge. The outcome is a value, whatever happens: passed, or what was found. One seed gives one
 * outcome and one digest, wherever it runs.
 */
import { Cause, Effect, Exit, Option, Redacted, type Scope } from "effect"
import type { Cluster } from "../Cluster.ts"
import type { InvariantBroken } from "../judges/Invariants.ts"
import { outlivingMillis } from "../judges/judgesOfRest.ts"
import { keystoreSecret } from "../parts/SimPod.ts"
import { type ClusterOptions, SimCluster } from "../SimCluster.ts"
import { drawStory, type Knobs } from "./drawStory.ts"
import type { Event } from "./Happening.ts"
import { type Act, after, type Story } from "./Story.ts"
import type { Told } from "./Trace.ts"

/** How a run ended. `crash` is a defect of the simulation itself or of what it runs. */
export type Verdict =
  | { readonly _tag: "passed" }
  | { readonly _tag: "safety" | "liveness"; readonly broken: InvariantBroken }
  | { readonly _tag: "crash"; readonly defect: string }

/** What came of one seed. */
export interface Outcome {
  readonly seed: string
  /** SHA-256 over every event, and over every file and object that was left at the end. */
  readonly digest: string
  /** How many events there were. */
  readonly steps: number
  readonly outcome: Verdict
  /** The last events as aligned lines. */
  readonly lines: (last?: number) => ReadonlyArray<string>
  /** The last events, each in its sentence. */
  readonly told: (last?: number) => ReadonlyArray<Told>
}

/** What a run may be given besides its story. */
export interface RunOptions
  extends Pick<ClusterOptions, "invariants" | "layers" | "ownFaults" | "settings" | "traceEvents"> {
  /** Called within every event. */
  readonly watch?: (event: Event) => void
}

/** A kubelet that is away for this moment has not called when something comes in the way of its pod's volumes. */
const blink = "1 second"

/** Schedules a pod on its node, or on another one where that has left. */
const place = Effect.fnUntraced(function* (
  cluster: Cluster,
  { planted, wish: { node: wanted = "", ...wish } }: Extract<Act, { readonly _tag: "Schedule" }>
): Effect.fn.Return<void> {
  const node = cluster.world.nodes.has(wanted) ? wanted : undefined
  if (planted !== undefined && node !== undefined) yield* cluster.restartKubelet(node, blink)
  const pod = yield* cluster.schedule(node === undefined ? wish : { ...wish, node })
  if (planted !== undefined && node !== undefined) yield* cluster.disk(node).plant(pod, after(planted))
})

const perform = Effect.fnUntraced(function* (cluster: Cluster, act: Act): Effect.fn.Return<void> {
  switch (act._tag) {
    case "Schedule":
      return yield* place(cluster, act)
    case "WriteBundle":
      return yield* cluster.bundle(act.bundle).rotate()
    case "WriteSecret":
      return yield* cluster.secret(act.secret, { [keystoreSecret]: act.password })
    case "AddIssuer":
      return yield* Effect.asVoid(cluster.addIssuer(act.issuer))
    case "Join":
      return yield* Effect.asVoid(cluster.addNode(act.node))
    case "Leave":
      // The last node stays: a shorter story may have lost the other ones.
      return yield* cluster.world.nodes.size > 1 ? cluster.removeNode(act.node) : Effect.void
  }
  // A pod may have been replaced by another one of its name: whoever speaks of it means that one.
  const named = cluster.world.pods.filter(({ name }) => name === act.name)
  const pod = named.find(({ phase }) => phase !== "ending") ?? (act._tag === "Renew" ? named[0] : undefined)
  if (pod === undefined) return
  switch (act._tag) {
    case "Delete":
      return yield* cluster.delete(pod)
    case "Change":
      return yield* cluster.change(pod, act.change)
    case "Renew":
      return yield* cluster.renew(pod)
    case "Look":
      return yield* cluster.look(pod)
  }
})

/** Everything that is left is part of the digest. */
const weigh = (cluster: Cluster): void => {
  for (const node of cluster.world.nodes.values()) {
    for (const { files } of node.disk.volumes.values()) {
      for (const [, { content }] of Option.getOrElse(files, () => [])) cluster.trace.weigh(Redacted.value(content))
    }
  }
  cluster.trace.weigh(new TextEncoder().encode(JSON.stringify(cluster.world.server.api.stores.requests.all())))
}

/** Longer than this a story does not last once faults have ended, in milliseconds. */
const longestCalm = 86_400_000

const play = Effect.fnUntraced(function* (cluster: Cluster, story: Story) {
  let now = 0
  for (const act of story.acts) {
    if (act.at > now) yield* cluster.advance(after(act.at - now))
    now = Math.max(now, act.at)
    yield* perform(cluster, act)
  }
  if (story.millis > now) yield* cluster.advance(after(story.millis - now))
  yield* cluster.settle()
  // And so it stays: every certificate of now has to be replaced in time, with nobody's help.
  yield* cluster.advance(after(Math.min(longestCalm, outlivingMillis(cluster.world))))
  yield* cluster.settle()
})

const verdictOf = (exit: Exit.Exit<unknown, InvariantBroken>): Verdict => {
  if (Exit.isSuccess(exit)) return { _tag: "passed" }
  return Option.match(Cause.findErrorOption(exit.cause), {
    onNone: (): Verdict => ({ _tag: "crash", defect: Cause.pretty(exit.cause) }),
    onSome: (broken): Verdict => ({ _tag: broken.kind, broken })
  })
}

const clusterOf = ({ faults, incidents, keys, nodes, seed, ...story }: Story, { watch: _, ...options }: RunOptions) => {
  const { publishSeconds, requiresRepublish, statsSeconds = 0, syncSeconds, useTokenRequest } = story
  const publishTimeout = publishSeconds === undefined ? {} : { publishTimeout: after(publishSeconds * 1000) }
  const settings = { useTokenRequest, ...publishTimeout, ...options.settings }
  const kubelet = {
    requiresRepublish,
    syncFrequency: after(syncSeconds * 1000),
    statsFrequency: after(statsSeconds * 1000)
  }
  return SimCluster.make({ traceEvents: 400, ...options, settings, seed, nodes, keys, faults, incidents, kubelet })
}

/** Runs a story. */
export const runStory = Effect.fnUntraced(function* (
  story: Story,
  options: RunOptions = {}
): Effect.fn.Return<Outcome, never, Scope.Scope> {
  const { seed } = story
  const made = yield* Effect.exit(clusterOf(story, options))
  if (Exit.isFailure(made))
    return { seed, digest: "", steps: 0, outcome: verdictOf(made), lines: () => [], told: () => [] }
  const { trace } = made.value
  if (options.watch !== undefined) trace.listen(options.watch)
  const exit = yield* Effect.exit(play(made.value, story))
  weigh(made.value)
  return {
    seed,
    digest: trace.digest,
    steps: trace.steps,
    outcome: verdictOf(exit),
    lines: trace.lines,
    told: trace.told
  }
}, Effect.scoped)

/** Runs the story of a seed. */
export const simulate = (seed: number | string, knobs: Knobs = {}, options: RunOptions = {}): Effect.Effect<Outcome> =>
  Effect.suspend(() => runStory(drawStory(seed, knobs, options.ownFaults), options))
