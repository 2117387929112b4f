/**
 * A certificate is obtained: key, signing request, CertificateRequest, wait, check. The program is written so that it
 * can be cut at any line and begun again: what has been decided (the request's name, its key, its signing request) is
 * handed to `remember` before the API server hears of it, and an issuance that has a pending request picks that
 * one up instead of making another. One key serves one request; a request that has come to an end is never asked again.
 */
import { DateTime, type Duration, Effect, Option, Random, type Redacted } from "effect"
import { namespacedName } from "../spec/NamespacedName.ts"
import { uuidV4 } from "../spec/uuidV4.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { RequestReference, SignedCertificate } from "./CertificateRequest.ts"
import { CertificateRequests, type EndedState, type RequestError } from "./CertificateRequests.ts"
import { checkSigned, type Leaf } from "./checkSigned.ts"
import { IssuanceError } from "./IssuanceError.ts"
import { type KeyError, KeyGenerator, type PrivateKey } from "./KeyGenerator.ts"
import { signingRequest } from "./SigningRequest.ts"
import { wipe } from "./wipe.ts"

/** A request that was decided on and has not come to an end. */
export interface PendingRequest {
  readonly requestName: string
  /** PKCS#10, PEM. */
  readonly signingRequest: string
  /** PKCS#8, DER. */
  readonly privateKey: Redacted.Redacted<Uint8Array>
  readonly since: DateTime.Utc
}

/** A certificate that a volume asks for. */
export interface Issuance<E, R> {
  readonly volumeId: string
  readonly spec: VolumeSpec
  readonly token: Option.Option<Redacted.Redacted<string>>
  /** A request of this volume that is still open. */
  readonly pending: Option.Option<PendingRequest>
  /** The key that the volume holds, where the spec says that it is to be used again (PKCS#8, DER). */
  readonly reuse: Option.Option<Redacted.Redacted<Uint8Array>>
  /** Refuse a certificate that lacks a name. */
  readonly requireAllNames: boolean
  /** The CA that the volume holds, PEM. */
  readonly caHeld: Option.Option<string>
  /** Called with each new decision before it is acted on. */
  readonly remember: (pending: PendingRequest) => Effect.Effect<void, E, R>
}

/** A certificate that is ours, checked, with its key. */
export interface Issued {
  readonly requestName: string
  readonly privateKey: Redacted.Redacted<Uint8Array>
  readonly signed: SignedCertificate
  readonly leaf: Leaf
  /**
   * How long the steps took: key and signing request, the API server's acceptance, then the waits for approval and
   * signature.
   */
  readonly took: {
    readonly key: Duration.Duration
    readonly submit: Duration.Duration
    readonly approval: Duration.Duration
    readonly signature: Duration.Duration
  }
}

/** A UUID from Effect's Random: a name has to be unique, not secret. */
const requestName = Effect.gen(function* () {
  const digits: Array<string> = []
  for (let i = 0; i < 32; i++) digits.push((yield* Random.nextIntBetween(0, 16, { halfOpen: true })).toString(16))
  return uuidV4(digits.join(""))
})

const keyFor = Effect.fnUntraced(function* <E, R>({ reuse, spec, volumeId }: Issuance<E, R>) {
  const keys = yield* KeyGenerator
  const fresh = keys.generate({ parameters: spec.key, pod: spec.pod.uid, volumeId })
  if (Option.isNone(reuse)) return yield* fresh
  // A kept key that cannot be read must not keep the pod from being served: it gets a new one.
  return yield* keys
    .restore(reuse.value, spec.key)
    .pipe(Effect.catchTag("KeyError", () => Effect.andThen(wipe([reuse.value]), fresh)))
})

const decide = Effect.fnUntraced(function* <E, R>(issuance: Issuance<E, R>) {
  const key = yield* keyFor(issuance)
  const pending: PendingRequest = {
    requestName: yield* requestName,
    signingRequest: yield* signingRequest(issuance.spec, key),
    privateKey: key.pkcs8,
    since: yield* DateTime.now
  }
  yield* Effect.logTrace(`a new request is made: ${pending.requestName}`)
  yield* issuance.remember(pending)
  return { key, pending }
})

const pickUp = Effect.fnUntraced(function* <E, R>(issuance: Issuance<E, R>, pending: PendingRequest) {
  const keys = yield* KeyGenerator
  yield* Effect.logTrace(`the request that is pending is taken up: ${pending.requestName}`)
  const key: PrivateKey = yield* keys.restore(pending.privateKey, issuance.spec.key)
  return { key, pending }
})

const decideOrPickUp = <E, R>(issuance: Issuance<E, R>) =>
  Option.match(issuance.pending, {
    onNone: () => decide(issuance),
    onSome: (pending) => pickUp(issuance, pending)
  })

const signedOr = (request: RequestReference) => (state: EndedState) =>
  state._tag === "Ready"
    ? Effect.succeed(state.signed)
    : Effect.fail(new IssuanceError({ reason: state._tag, request: namespacedName(request), detail: state.message }))

/** Obtains one certificate for one volume; waits as long as the request is neither signed nor refused. */
export const issue: <E, R>(
  issuance: Issuance<E, R>
) => Effect.Effect<Issued, E | KeyError | RequestError | IssuanceError, R | CertificateRequests | KeyGenerator> =
  Effect.fn("issuance.issue")(function* <E, R>(issuance: Issuance<E, R>) {
    const requests = yield* CertificateRequests
    const [decided, { key, pending }] = yield* Effect.timed(decideOrPickUp(issuance))
    const { kind, name } = issuance.spec.issuer
    yield* Effect.annotateCurrentSpan({
      request: namespacedName({ namespace: issuance.spec.pod.namespace, name: pending.requestName }),
      issuer: `${kind} ${name}`
    })
    const [submit, request] = yield* Effect.timed(
      requests.submit({
        name: pending.requestName,
        volumeId: issuance.volumeId,
        spec: issuance.spec,
        signingRequest: pending.signingRequest,
        token: issuance.token,
        resubmitted: Option.isSome(issuance.pending)
      })
    )
    const [approval] = yield* Effect.timed(requests.awaitApproval(request))
    const [signature, signed] = yield* Effect.timed(Effect.flatMap(requests.await(request), signedOr(request)))
    const leaf = yield* checkSigned({
      request: namespacedName(request),
      signed,
      spec: issuance.spec,
      spki: key.spki,
      now: yield* DateTime.now,
      requireAllNames: issuance.requireAllNames,
      caHeld: issuance.caHeld
    })
    const { privateKey, requestName } = pending
    const usable = { ...signed, ca: leaf.ca }
    return { requestName, privateKey, signed: usable, leaf, took: { key: decided, submit, approval, signature } }
  })
