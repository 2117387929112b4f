/**
 * How a simulated API server and the network before it behave: what a call meets, how late things are, what is lost and
 * what comes twice. `weatherOf` makes one of a story's faults, levers change it for a time, and `SimApiServer` reads it
 * at every call. Pure.
 */
import { Duration } from "effect"
import type { ResourceName } from "../../embedded/Resource.ts"
import type { ApiReason } from "../../kube/ApiError.ts"

/** The behaviour from now on. Probabilities are per call or per event. */
export interface ApiBehaviour {
  /** What a call meets: it is answered, or fails with this reason. */
  readonly api: "up" | ApiReason
  /** cert-manager's webhook: while it is down, the API server takes no request in (500), and everything else works. */
  readonly webhook: "up" | "down"
  /** What certlet has no right to (403), though it should. */
  readonly forbidden: ReadonlyArray<ResourceName>
  /** The most that a call takes, each way; drawn for every call. */
  readonly callLatency: Duration.Duration
  /** The most that an event of a watch is late. */
  readonly watchLatency: Duration.Duration
  /** How many calls are throttled (429, with Retry-After). */
  readonly throttled: number
  /** The most that a throttled call is asked to stay away, in whole seconds; drawn for every call, 1 at the least. */
  readonly retryAfterSeconds: number
  /** How many calls are lost: half of them on their way there, half of them with their answer. */
  readonly lost: number
  /** How many events of a watch come twice. */
  readonly duplicated: number
  /** The most objects in a page of a list, whatever the client asks for; 0 is as many as it asks for. */
  readonly pageSize: number
  /** How many of the further pages of a list are no longer known (410). */
  readonly pagesExpired: number
}

/** An API server that is well. */
export const calmApi: ApiBehaviour = {
  api: "up",
  webhook: "up",
  forbidden: [],
  callLatency: Duration.zero,
  watchLatency: Duration.zero,
  throttled: 0,
  retryAfterSeconds: 1,
  lost: 0,
  duplicated: 0,
  pageSize: 0,
  pagesExpired: 0
}
