/**
 * How approver and issuer act in a cluster in memory: what is done with requests, how long it takes, what the
 * certificates are like. Each issuer has a behaviour of its own. A behaviour is a value that is replaced as a whole,
 * and it holds from the moment that it is set. Pure.
 */
import { Duration, Option } from "effect"

/** How approver and issuer act from now on. */
export interface IssuanceBehaviour {
  readonly approval: "approve" | "hold" | { readonly deny: string }
  /**
   * `signWrongKey` certifies a key that nobody asked about; `missing` treats the issuer as one that nobody has made.
   */
  readonly issuer:
    | "sign"
    | "hold"
    | "missing"
    | "signWrongKey"
    | { readonly fail: string }
    | { readonly invalid: string }
  /** From a request's creation to its end, when nothing holds it back. */
  readonly latency: Duration.Duration
  /** The most that comes on top of it, drawn again for each request. */
  readonly dawdle: Duration.Duration
  /** The longest lifetime that the issuer grants; none grants what is asked for. */
  readonly lifetime: Option.Option<Duration.Duration>
  /** How long before their issue certificates begin to be valid. */
  readonly backdating: Duration.Duration
  /** Certificates have no common name, whatever is requested. */
  readonly dropCommonName: boolean
  /** How many requests are denied, fail or are signed for another key, whatever else is said here. From 0 to 1. */
  readonly denied: number
  readonly failed: number
  readonly wronglySigned: number
}

/** An approver and an issuer that do their work at once. */
export const calmIssuance: IssuanceBehaviour = {
  approval: "approve",
  issuer: "sign",
  latency: Duration.zero,
  dawdle: Duration.zero,
  lifetime: Option.none(),
  backdating: Duration.zero,
  dropCommonName: false,
  denied: 0,
  failed: 0,
  wronglySigned: 0
}
