/**
 * What makes certificates of requests in the embedded cluster: an approver and a CA issuer, in the shape of cert-manager's
 * controllers. They watch the store and nothing else, and write what they decide into a request's status, one condition at a
 * time, as the real ones do. Policies say how they behave from now on; acts on one request overrule them. Both can be
 * changed while requests are open, and what was held back is then taken up.
 */
import { Clock, DateTime, Duration, Effect, FiberSet, Option, Result, Schema, type Scope } from "effect"
import type { RequestReference } from "../issuance/CertificateRequest.ts"
import { parseGoDuration } from "../spec/GoDuration.ts"
import type { NodeAuthority } from "./NodeAuthority.ts"
import type { ObjectStore, StoredObject } from "./ObjectStore.ts"
import {
  condition,
  hasCondition,
  isFinished,
  type StoredCondition,
  signingRequestOf,
  specOf,
  withCondition
} from "./RequestRules.ts"

/** What the approver does with a new request. */
export type ApprovalPolicy = "automatic" | "manual" | { readonly deny: string }

/** What the issuer does with an approved request; `wrongKey` certifies a key that nobody asked for. */
export type SigningPolicy = "sign" | "stall" | "wrongKey" | { readonly fail: string } | { readonly invalid: string }

/** There is no such request, or it has already come to an end. */
export class NoSuchRequest extends Schema.TaggedError<NoSuchRequest>()("NoSuchRequest", {
  request: Schema.String
}) {}

/** The approver and the issuer. */
export interface Controllers {
  readonly setApproval: (policy: ApprovalPolicy) => Effect.Effect<void>
  readonly setSigning: (policy: SigningPolicy) => Effect.Effect<void>
  readonly approve: (request: RequestReference) => Effect.Effect<void, NoSuchRequest>
  readonly deny: (request: RequestReference, message: string) => Effect.Effect<void, NoSuchRequest>
  readonly fail: (request: RequestReference, message: string) => Effect.Effect<void, NoSuchRequest>
  readonly invalidate: (request: RequestReference, message: string) => Effect.Effect<void, NoSuchRequest>
  /** Signs now, approved or not. */
  readonly sign: (request: RequestReference) => Effect.Effect<void, NoSuchRequest>
}

/** What the controllers work on; `cap` is the longest lifetime that the issuer grants. */
export interface ControllersOptions {
  readonly store: ObjectStore
  readonly issuer: NodeAuthority
  readonly cap: Option.Option<Duration.Duration>
}

/** cert-manager's own default. */
const defaultDuration = Duration.days(90)

const stalled = "Waiting on certificate issuance: the issuer was told to stall"

const timestamp = Effect.map(DateTime.now, (_) => `${DateTime.formatIso(_).slice(0, 19)}Z`)

/** One hand that decides about one request at a time; a request's next step follows from what its object says. */
class Decider {
  approval: ApprovalPolicy = "automatic"
  signing: SigningPolicy = "sign"
  readonly #options: ControllersOptions

  constructor(options: ControllersOptions) {
    this.#options = options
  }

  /** Writes conditions into an open request; false where it is gone or somebody else has ended it. */
  readonly set = (
    object: StoredObject,
    conditions: ReadonlyArray<StoredCondition>,
    status: Readonly<Record<string, string>> = {}
  ): Effect.Effect<boolean> =>
    Effect.map(timestamp, (now) => {
      const { namespace, name, uid } = object.metadata
      const current = this.#options.store.get(namespace, name)
      // The first word stands: what has ended is not touched again.
      if (current === undefined || current.metadata.uid !== uid || isFinished(current)) return false
      const change = (_: StoredObject) =>
        conditions.reduce((changed, one) => withCondition(changed, one, now, status), _)
      return Result.isSuccess(this.#options.store.update(namespace, name, change))
    })

  /** Signs a request, or marks it failed where that cannot be done. */
  readonly sign = Effect.fnUntraced({ self: this }, function* (this: Decider, object: StoredObject, wrongKey: boolean) {
    const spec = specOf(object)
    if (Option.isNone(spec)) return yield* this.set(object, [condition.failed("the spec cannot be read")])
    const { duration, usages, isCA } = spec.value
    const asked = Option.getOrElse(
      Option.flatMap(Option.fromUndefinedOr(duration), parseGoDuration),
      () => defaultDuration
    )
    const lifetime = Option.match(this.#options.cap, { onNone: () => asked, onSome: (cap) => Duration.min(asked, cap) })
    const now = yield* Clock.currentTimeMillis
    const answer = yield* this.#options.issuer
      .sign({
        signingRequest: Option.getOrElse(signingRequestOf(spec.value), () => ""),
        usages: usages ?? ["digital signature", "key encipherment"],
        isCA: isCA ?? false,
        notBefore: now,
        notAfter: now + Duration.toMillis(lifetime),
        wrongKey
      })
      .pipe(Effect.result)
    if (Result.isFailure(answer)) return yield* this.set(object, [condition.failed(answer.failure)])
    const status = { certificate: btoa(answer.success), ca: btoa(this.#options.issuer.certificate) }
    return yield* this.set(object, [condition.issued], status)
  })

  /** The next step; true where there may be a further one. */
  readonly decide = (object: StoredObject): Effect.Effect<boolean> => {
    const { approval, signing } = this
    if (!hasCondition(object, "Approved", "True")) {
      if (approval === "manual") return Effect.succeed(false)
      if (approval === "automatic") return this.set(object, [condition.approved])
      return this.set(object, [condition.denied(approval.deny), condition.deniedReady])
    }
    if (signing === "sign" || signing === "wrongKey") return this.sign(object, signing === "wrongKey")
    if (signing !== "stall") {
      const end = "fail" in signing ? condition.failed(signing.fail) : condition.invalid(signing.invalid)
      return this.set(object, [end])
    }
    const pending = hasCondition(object, "Ready", "False")
    return pending ? Effect.succeed(false) : this.set(object, [condition.pending(stalled)])
  }
}

/** Starts the controllers; they stop with the scope. */
export const startControllers = Effect.fnUntraced(function* (
  options: ControllersOptions
): Effect.fn.Return<Controllers, never, Scope.Scope> {
  const { store } = options
  const run = yield* FiberSet.makeRuntime()
  const decider = new Decider(options)
  const inHand = new Set<string>()

  const reconcile = (request: RequestReference): void => {
    const key = `${request.namespace}/${request.name}`
    const object = store.get(request.namespace, request.name)
    if (object === undefined || isFinished(object) || inHand.has(key)) return
    inHand.add(key)
    const release = Effect.sync(() => inHand.delete(key))
    const step = Effect.ensuring(decider.decide(object), release)
    run(Effect.map(step, (changed) => (changed ? reconcile(request) : undefined)))
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => store.subscribe((change) => change.type !== "DELETED" && reconcile(change.object.metadata))),
    (unsubscribe) => Effect.sync(unsubscribe)
  )

  const on = (request: RequestReference, act: (object: StoredObject) => Effect.Effect<unknown>) =>
    Effect.suspend((): Effect.Effect<void, NoSuchRequest> => {
      const object = store.get(request.namespace, request.name)
      return object === undefined || isFinished(object)
        ? Effect.fail(new NoSuchRequest({ request: `${request.namespace}/${request.name}` }))
        : Effect.asVoid(act(object))
    })
  const policy = (change: () => void) =>
    Effect.sync(() => {
      change()
      for (const object of store.all()) reconcile(object.metadata)
    })
  return {
    setApproval: (next) =>
      policy(() => {
        decider.approval = next
      }),
    setSigning: (next) =>
      policy(() => {
        decider.signing = next
      }),
    approve: (request) => on(request, (_) => decider.set(_, [condition.approved])),
    deny: (request, message) => on(request, (_) => decider.set(_, [condition.denied(message), condition.deniedReady])),
    fail: (request, message) => on(request, (_) => decider.set(_, [condition.failed(message)])),
    invalidate: (request, message) => on(request, (_) => decider.set(_, [condition.invalid(message)])),
    sign: (request) => on(request, (_) => decider.sign(_, false))
  }
})
