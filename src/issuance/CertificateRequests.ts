/**
 * The door to the API server: certlet submits a CertificateRequest, waits until somebody has signed or refused it, and
 * discards what it no longer needs. `ApiCertificateRequests` stands behind it wherever there is an API
 * server, real or simulated: one watch per process. A request's name is chosen by the caller: submitting the same
 * draft twice is one request, whatever the network did in between.
 */
import { Context, type Effect, type Option, type Redacted, Schema } from "effect"
import { ApiReason, temperOf } from "../kube/ApiError.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { Temper } from "../Temper.ts"
import type { RequestReference, RequestState } from "./CertificateRequest.ts"

/** A request about to be made. */
export interface RequestDraft {
  /** A random UUID, unique to this request. */
  readonly name: string
  readonly volumeId: string
  readonly spec: VolumeSpec
  /** PKCS#10 in PEM (RFC 2986). */
  readonly signingRequest: string
  /** The pod's own ServiceAccount token: the request is then created in its name. */
  readonly token: Option.Option<Redacted.Redacted<string>>
  /** An earlier try, perhaps of the process before this one, has submitted it: it may be there already. */
  readonly resubmitted: boolean
}

/** What was to be done with a request failed, for the API's reasons; `Gone`: it was deleted while it was waited for. */
export class RequestError extends Schema.TaggedError<RequestError>()("RequestError", {
  reason: ApiReason,
  /** What was being done, as a verb phrase: "create CertificateRequest ns/name". */
  action: Schema.String,
  /** The server's own words, or the network's. */
  detail: Schema.String,
  /** How long the server asked us to stay away, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Number)
}) {
  get temper(): Temper {
    return temperOf(this.reason)
  }
  override get message(): string {
    return `${this.action}: ${this.detail}`
  }
}

/**
 * The CertificateRequests of this node.
 *
 * Laws: submitting one draft twice gives one request; `await` returns what was signed for exactly this request,
 * whenever it was signed, and never fails because the connection did; `awaitApproval` ends no later than `await`; a
 * request that is deleted while it is awaited is `Gone`; a state that ends the wait without a certificate is returned,
 * not thrown away; `discard` deletes the requests of the volume that are doomed, and none of another volume; discarding
 * what is not there succeeds.
 */
export class CertificateRequests extends Context.Service<
  CertificateRequests,
  {
    /** Creates the request in the pod's namespace, owned by the pod, labelled with node and volume. */
    readonly submit: (draft: RequestDraft) => Effect.Effect<RequestReference, RequestError>
    /** Waits, for ever if need be, until the request has come to an end. */
    readonly await: (request: RequestReference) => Effect.Effect<EndedState, RequestError>
    /**
     * Waits until the request is no longer open for approval: approved, at its end, or gone (which `await` reports).
     */
    readonly awaitApproval: (request: RequestReference) => Effect.Effect<void>
    /** Where the request stands now, as far as the watch has seen. Makes no call. */
    readonly state: (request: RequestReference) => Effect.Effect<RequestState>
    /** Deletes the volume's requests whose names are doomed. */
    readonly discard: (volume: {
      readonly volumeId: string
      readonly namespace: string
      readonly isDoomed: (name: string) => boolean
    }) => Effect.Effect<void, RequestError>
  }
>()("certlet/issuance/CertificateRequests") {}

/** The states in which waiting is over. */
export type EndedState = Extract<RequestState, { readonly _tag: "Ready" | "Denied" | "Failed" | "InvalidRequest" }>
