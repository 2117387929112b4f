/**
 * What a fleet is to the API server, in a second: calls, events on the nodes' watches, and the bytes of those. The life
 * of a request was counted and weighed on a real API server with cert-manager's own controllers
 * (`npm run bench -- scale`); a fleet says how many requests there are. Each node watches the requests of its own
 * pods alone, so that each event goes to one node. Pure.
 */
import { Duration } from "effect"
import type { FleetPlan } from "./Fleet.ts"

/**
 * The life of one request: what it takes, and what its node's watch shows of it. The bytes are those of the JSON, with
 * one P-256 certificate with one name, and its CA.
 */
export const requestLife = {
  /** cert-manager's updates of the status for one answer: approved, then signed or refused. */
  statusUpdates: 2,
  addedBytes: 1980,
  /** Both updates together. */
  modifiedBytes: 7300,
  deletedBytes: 4750
} as const

/** A bookmark, about once a minute on each watch. */
const bookmark = { bytes: 131, every: Duration.minutes(1) } as const

/** How much of what happens in all the days of a fleet. */
export type FleetTotals = Readonly<Record<"creates" | "deletes" | "signatures" | "refusals", number>>

/** Means over all the days of a fleet, in a second. */
export interface ApiLoad {
  /** Calls for single requests: certlet's creates and deletes, and cert-manager's updates. */
  readonly calls: number
  /** Bookmarks are counted too. */
  readonly watchEvents: number
  readonly watchBytes: number
}

/** What a fleet of this plan, with these totals, is to its API server. */
export const apiLoad = ({ days, nodes }: FleetPlan, totals: FleetTotals): ApiLoad => {
  const seconds = days * 86_400
  const answers = totals.signatures + totals.refusals
  const { addedBytes, deletedBytes, modifiedBytes, statusUpdates } = requestLife
  const calls = (totals.creates + totals.deletes + statusUpdates * answers) / seconds
  const bookmarks = nodes / Duration.toSeconds(bookmark.every)
  const bytes = totals.creates * addedBytes + answers * modifiedBytes + totals.deletes * deletedBytes
  return { calls, watchEvents: calls + bookmarks, watchBytes: bytes / seconds + bookmarks * bookmark.bytes }
}
