/**
 * The command `kubectl certlet status`: every node's volumes in one table. It ends with 1 where a node does not answer
 * or a volume is in trouble, so that a script can ask too; with `--wait` it asks again until all is well, or the time
 * is up.
 */
import { DateTime, Duration, Effect, Option, Ref } from "effect"
import { CliError, type Command, Flag } from "effect/cli"
import { paintFor } from "../../observability/NodePaint.ts"
import { nearestFew } from "../../spec/nearestOf.ts"
import { spokenDuration } from "../../spec/spokenDuration.ts"
import { command, type Mistake } from "../command.ts"
import { ExitCode } from "../ExitCode.ts"
import * as Rules from "../FlagRules.ts"
import { onOff, ruled } from "../Flags.ts"
import { filterFlags } from "../operator/filterFlags.ts"
import { keepShowing, type Picture } from "../operator/keepShowing.ts"
import { jsonText, outputWidth, print, progress, remark } from "../operator/NodeOutput.ts"
import { spoken, untilSignal } from "../report.ts"
import { askFleet, FleetError, type FleetNode, findFleet } from "./Fleet.ts"
import { fleetFlags, pluginName } from "./fleetFlags.ts"
import { FleetStatus, fleetOf, fleetSummary, fleetTable, isTroubled, unready } from "./fleetText.ts"
import * as Operator from "./Operator.ts"

const flags = {
  ...fleetFlags,
  ...filterFlags,
  node: ruled("node", Rules.nonEmpty, "ask this node only").pipe(Flag.optional),
  allNodes: onOff("all-nodes", "ask every node: what it does without --node").pipe(Flag.withAlias("A")),
  output: ruled(
    "output",
    Rules.oneOf(["text", "wide", "json"]),
    "text (default); wide: more columns, absolute times; json: everything, for programs"
  ).pipe(Flag.withAlias("o"), Flag.withDefault("text" as const)),
  wait: ruled("wait", Rules.timeout, "ask again until every node answers and every volume is Ready, this long").pipe(
    Flag.optional
  )
}

type Order = Command.Command.Config.Infer<typeof flags>

/** How often a cluster is asked again. */
const pause = Duration.seconds(5)
/** How many names are offered for a mistyped one. */
const few = 3

const nodesOf = Effect.fnUntraced(function* (order: Order) {
  const all = yield* findFleet(order)
  const wanted = Option.getOrUndefined(order.node)
  const nodes = all.filter(({ node }) => wanted === undefined || node === wanted)
  if (nodes.length > 0 || wanted === undefined) return nodes
  const near = nearestFew(wanted, [...new Set(all.map(({ node }) => node))], few)
  return yield* new FleetError({ detail: `no certlet runs on a node ${wanted}; nearest: ${near.join(", ")}` })
})

/** Asks the nodes, and says on the way how many have answered. */
const ask = Effect.fnUntraced(function* (nodes: ReadonlyArray<FleetNode>, timeout: Duration.Duration) {
  const heard = yield* Ref.make(0)
  const tell = Effect.flatMap(
    Ref.updateAndGet(heard, (many) => many + 1),
    (many) => progress(`${many} of ${nodes.length} nodes asked`)
  )
  return yield* Effect.ensuring(askFleet(nodes, timeout, tell), progress(""))
})

/** The fleet as it is now; the volumes that are asked for, and how many there are in all. */
const look = Effect.fnUntraced(function* (order: Order) {
  const answers = yield* ask(yield* nodesOf(order), order.nodeTimeout)
  const fleet = fleetOf(answers, { namespace: order.namespace, states: order.state })
  const among = answers.reduce((sum, one) => sum + (one._tag === "Answered" ? one.status.volumes.length : 0), 0)
  return { fleet, among }
})

/** Stands for the time at which two answers were given that are the same otherwise. */
const unchanging = DateTime.makeUnsafe(0)

const pictureOf = Effect.fnUntraced(function* (
  { output }: Order,
  { among, fleet }: { readonly fleet: FleetStatus; readonly among: number }
) {
  const timeless = { ...fleet, nodes: fleet.nodes.map((node) => ({ ...node, at: unchanging })) }
  const essence = yield* jsonText(FleetStatus, timeless)
  if (output === "json") return { text: yield* jsonText(FleetStatus, fleet), summary: "", essence }
  const layout = output === "wide" ? "wide" : "plain"
  const text = fleetTable(fleet, { layout, width: yield* outputWidth, paint: paintFor("stdout") })
  const picture: Picture = { text, summary: fleetSummary(fleet, among), essence }
  return picture
})

/** Asks again until all is well; what was found last where the time is up before. */
const lookUntilReady = Effect.fnUntraced(function* (order: Order, patience: Duration.Duration) {
  const end = DateTime.addDuration(yield* DateTime.now, patience)
  while (true) {
    const found = yield* look(order)
    const missing = unready(found.fleet)
    const left = DateTime.distance(yield* DateTime.now, end)
    if (missing === "" || !Duration.isPositive(left)) return { ...found, missing }
    yield* progress(`${missing}; waiting ${spokenDuration(left)} more`)
    yield* Effect.sleep(Duration.min(pause, left))
  }
})

const showOnce = Effect.fnUntraced(function* (order: Order) {
  const found = yield* Option.match(order.wait, {
    onNone: () => Effect.map(look(order), (found) => ({ ...found, missing: "" })),
    onSome: (patience) => lookUntilReady(order, patience)
  })
  const { summary, text } = yield* pictureOf(order, found)
  yield* print(text)
  yield* remark(summary)
  if (found.missing !== "") yield* remark(`the time is up: ${found.missing}\n`)
  if (found.missing !== "" || isTroubled(found.fleet)) yield* new ExitCode({ code: 1 })
})

/** Flags that say two things at once. */
const contradictions = ({ allNodes, node, wait, watch }: Order): ReadonlyArray<Mistake> => [
  ...(allNodes && Option.isSome(node) ? [wrongBeside("node", node.value, "no node's name with --all-nodes")] : []),
  ...(watch && Option.isSome(wait) ? [wrongBeside("watch", "true", "false with --wait, which ends")] : [])
]

const wrongBeside = (option: string, value: string, expected: string): Mistake =>
  new CliError.InvalidValue({ option, value, expected, kind: "flag" })

const show = (order: Order) => {
  const watched = keepShowing(
    Effect.flatMap(look(order), (found) => pictureOf(order, found)),
    pause
  )
  return order.watch ? untilSignal(spoken(watched)) : spoken(showOnce(order))
}

/** `kubectl certlet status`. */
export const fleetStatus = command("status", {
  below: pluginName,
  description: "Shows the volumes of every node in one table; ends with 1 where something is wrong",
  examples: [
    { description: "Every volume of the cluster", command: `${pluginName} status` },
    { description: "What is in trouble, again and again", command: `${pluginName} status --state Failing,Lost -w` },
    { description: "Wait for a rollout", command: `${pluginName} status -n apps --wait 10m` }
  ],
  flags,
  mistakesAmong: (order) => Effect.succeed(contradictions(order)),
  does: (order) => Effect.provide(show(order), Operator.layer(order.kube))
})
