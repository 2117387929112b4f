/**
 * One pod with all that certlet and the API server know of its certificates, as `kubectl certlet describe` prints it:
 * the node, each volume, the conditions of its request and issuer in their own words, and what the pod's owner has been
 * told. Pure.
 */
import { type DateTime, Option, Result } from "effect"
import type { VolumeStatus } from "../../driver/VolumeStatus.ts"
import { oneLine } from "../../spec/oneLine.ts"
import { labelled, statusDetails, when } from "../operator/statusText.ts"
import type { Conditions, ToldEvent } from "./conditionsAndEvents.ts"
import type { FleetNode } from "./Fleet.ts"

/** What there is to say. */
export interface PodDescription {
  readonly node: FleetNode
  readonly version: string
  /** By the node's clock. */
  readonly at: DateTime.Utc
  readonly volumes: ReadonlyArray<{ readonly volume: VolumeStatus; readonly conditions: ReadonlyArray<Conditions> }>
  readonly events: Result.Result<ReadonlyArray<ToldEvent>, string>
}

const conditionsText = ({ found, title }: Conditions): string =>
  Result.match(found, {
    onFailure: (why) => `  ${title} ${oneLine(why)}\n`,
    onSuccess: (conditions) => {
      const rows = conditions.map(({ message = "", reason = "", status, type }) => {
        const words = [status, reason === "" ? "" : `(${reason})`].filter((word) => word !== "").join(" ")
        return [type, message === "" ? words : `${words}: ${oneLine(message)}`] as const
      })
      return `  ${title}${rows.length === 0 ? " has no conditions yet" : ""}\n${labelled(rows, "    ")}`
    }
  })

const eventLine = ({ count, last, message, reason, type }: ToldEvent, at: DateTime.Utc): string => {
  const time = Option.match(last, { onNone: () => "", onSome: (last) => `${when(last, at)}  ` })
  return `  ${time}${type}  ${reason}${count > 1 ? ` (${count} times)` : ""}: ${oneLine(message)}\n`
}

const eventsText = ({ at, events }: PodDescription): string =>
  Result.match(events, {
    onFailure: (why) => `Events cannot be read: ${oneLine(why)}\n`,
    onSuccess: (events) =>
      events.length === 0
        ? "Events of certlet: none\n"
        : `Events of certlet:\n${events.map((event) => eventLine(event, at)).join("")}`
  })

/** The description as text. */
export const describeText = (description: PodDescription): string => {
  const { at, node, version, volumes } = description
  const where = `Node ${node.node}, served by certlet ${version} in pod ${node.namespace}/${node.pod}\n`
  const each = volumes.map(
    ({ conditions, volume }) => statusDetails([volume], at) + conditions.map(conditionsText).join("")
  )
  return [where, ...each, eventsText(description)].join("\n")
}
