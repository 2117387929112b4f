/**
 * A fleet as an operator reads it: one table of all volumes with their nodes in front, and below it how many are how,
 * which nodes do not answer, and why. Pure.
 */
import { Schema } from "effect"
import { NodeStatus } from "../../admin/AdminApi.ts"
import type { VolumeState } from "../../driver/VolumeStatus.ts"
import { oneLine } from "../../spec/oneLine.ts"
import { inNamespace, inOrder, inStates, type VolumeFilter } from "../operator/chooseVolumes.ts"
import {
  nodeComplaints,
  type SeenVolume,
  type TableLook,
  volumesSentence,
  volumesTable
} from "../operator/statusText.ts"
import type { NodeAnswer } from "./Fleet.ts"

/** What `-o json` prints: what each node's `certlet status` says, and the nodes that say nothing. */
export const FleetStatus = Schema.Struct({
  nodes: Schema.Array(NodeStatus),
  unanswered: Schema.Array(
    Schema.Struct({ node: Schema.String, namespace: Schema.String, pod: Schema.String, reason: Schema.String })
  )
})
export type FleetStatus = typeof FleetStatus.Type

/** Answers as one value; of the volumes those of the filter. */
export const fleetOf = (answers: ReadonlyArray<NodeAnswer>, filter: VolumeFilter): FleetStatus => ({
  nodes: answers.flatMap((answer) => {
    if (answer._tag === "Silent") return []
    const { status } = answer
    return [{ ...status, volumes: inStates(inNamespace(status.volumes, filter), filter) }]
  }),
  unanswered: answers.flatMap((answer) => {
    if (answer._tag === "Answered") return []
    const { namespace, node, pod } = answer.node
    return [{ node, namespace, pod, reason: answer.reason }]
  })
})

/** Somebody has to look at a volume that is in one of these. */
const troubled: ReadonlyArray<VolumeState> = ["Expired", "Failing", "Refused", "Lost", "Damaged"]

/** The states of a volume whose certificate is as it should be. */
const fine: ReadonlyArray<VolumeState> = ["Ready", "Renewing"]

const volumesIn = ({ nodes }: FleetStatus) => nodes.flatMap(({ volumes }) => volumes)

/** True where a node does not answer, or a volume has a state that somebody has to look at. */
export const isTroubled = (fleet: FleetStatus): boolean =>
  fleet.unanswered.length > 0 || volumesIn(fleet).some(({ state }) => troubled.includes(state))

/** What is still missing until every node answers and every volume has its certificate; empty where nothing is. */
export const unready = (fleet: FleetStatus): string => {
  const volumes = volumesIn(fleet).filter(({ state }) => !fine.includes(state)).length
  const nodes = fleet.unanswered.length
  return [
    ...(volumes === 0 ? [] : [volumes === 1 ? "1 volume is not Ready" : `${volumes} volumes are not Ready`]),
    ...(nodes === 0 ? [] : [nodes === 1 ? "1 node does not answer" : `${nodes} nodes do not answer`])
  ].join(", ")
}

const seenIn = ({ nodes }: FleetStatus): ReadonlyArray<SeenVolume> =>
  nodes.flatMap(({ at, node, volumes }) => inOrder(volumes).map((volume) => ({ volume, node, at })))

/** The table of all volumes, by node and pod; empty where there are none. */
export const fleetTable = (fleet: FleetStatus, look: Omit<TableLook, "withNode">): string =>
  volumesTable(seenIn(fleet), { ...look, withNode: true })

/** How the fleet is, a sentence on each line. `among` is how many volumes there are in all. */
export const fleetSummary = (fleet: FleetStatus, among: number): string => {
  const { nodes, unanswered } = fleet
  const place = nodes.length === 1 ? "1 node" : `${nodes.length} nodes`
  const silent = unanswered.map(
    ({ namespace, node, pod, reason }) => `node ${node} does not answer (pod ${namespace}/${pod}): ${reason}`
  )
  const complaints = nodes.flatMap((status) =>
    nodeComplaints(status).map((sentence) => `node ${status.node}: ${sentence}`)
  )
  return [volumesSentence(seenIn(fleet), place, among), ...silent, ...complaints]
    .map((sentence) => `${oneLine(sentence)}\n`)
    .join("")
}
