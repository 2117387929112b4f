/**
 * Why no certificate came of a request that did reach the API server. Each reason names the request, so that whoever
 * reads it can look at the object; certlet itself found something wrong with the answer (`Mismatch`), the cluster
 * decided (`Denied`, `Failed`), or nothing is decided yet (`Pending`, `NotReady`).
 */
import { Schema } from "effect"
import type { Temper } from "../Temper.ts"

const tempers = {
  Denied: "refused",
  InvalidRequest: "refused",
  Failed: "transient",
  Mismatch: "transient",
  Pending: "waiting",
  NotReady: "waiting"
} as const satisfies Record<string, Temper>

/**
 * What certlet objects to in an answer. `key`: it is for another key. `expired`. `chain`: nobody beside it signed it.
 * `constraints`: it may sign for too many names. `svid`: it is no X.509-SVID. `names`: some are missing, and the node
 * insists on them. `ca`: the CA is missing and is needed. `unreadable`: it is no certificate. Two refusals with one
 * objection are the same refusal, whatever times or serial numbers their sentences hold.
 */
export const Objection = Schema.Literals([
  "key",
  "expired",
  "chain",
  "constraints",
  "svid",
  "names",
  "ca",
  "unreadable"
])
export type Objection = typeof Objection.Type

/**
 * `Denied`: an approver said no. `Failed`: the issuer gave up. `InvalidRequest`: cert-manager finds the request
 * invalid. `Pending`: still open when the caller had to answer. `Mismatch`: a certificate came, and it cannot be
 * used. `NotReady`: something that the issue needs is not there yet.
 */
export class IssuanceError extends Schema.TaggedError<IssuanceError>()("IssuanceError", {
  reason: Schema.Literals(["Denied", "Failed", "InvalidRequest", "Pending", "Mismatch", "NotReady"]),
  /** `namespace/name` of the CertificateRequest; empty where none was made yet. */
  request: Schema.String,
  /** The cluster's own words, what was found wrong, or what is waited for. */
  detail: Schema.String,
  /** Of a `Mismatch` only. */
  objection: Schema.optionalKey(Objection)
}) {
  get temper(): Temper {
    return tempers[this.reason]
  }
  override get message(): string {
    return this.request === "" ? this.detail : `CertificateRequest ${this.request}: ${this.detail}`
  }
}
