/**
 * What a cluster in memory does with CertificateRequests: an approver and an issuer in the shape of cert-manager's
 * controllers, and the garbage collector. They watch the store and nothing else, and write what they decide into a
 * request's status, as the real ones do. A behaviour says how they act from now on; acts on one request overrule it.
 * What was held back is taken up when the behaviour changes. The embedded cluster and simulations run the same ones.
 */
import { Duration, Effect, Option, Result, Schema } from "effect"
import type { RequestReference } from "../issuance/CertificateRequest.ts"
import { parseGoDuration } from "../spec/GoDuration.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import type { EmbeddedApi } from "./EmbeddedApi.ts"
import type { IssuanceBehaviour } from "./IssuanceBehaviour.ts"
import type { Issuer } from "./Issuer.ts"
import { builtInName, type Found, type IssuerName, Issuers } from "./Issuers.ts"
import type { StoredObject } from "./ObjectStore.ts"
import {
  carries,
  condition,
  hasCondition,
  isFinished,
  type StoredCondition,
  signingRequestOf,
  specOf,
  withCondition
} from "./RequestRules.ts"

/** There is no such request, or it has already come to an end. */
export class NoSuchRequest extends Schema.TaggedError<NoSuchRequest>()("NoSuchRequest", {
  request: Schema.String
}) {}

/** What the controllers work with. */
export interface ControllersParts {
  readonly api: EmbeddedApi
  readonly issuer: Issuer["Service"]
  /** Runs something as long as the cluster lives. */
  readonly run: (effect: Effect.Effect<unknown>) => unknown
  /** Draws from [0, 1). */
  readonly draw: () => number
  /** Hears of each decision, before it is written. */
  readonly decided?: (request: StoredObject, decision: string) => void
  /** How long after a pod's end its requests are collected. */
  readonly collectionDelay?: Duration.Duration
}

/** cert-manager's own default. */
const defaultLifetime = Duration.days(90)

/** Approver, issuer and garbage collector. */
export class Controllers {
  readonly #parts: ControllersParts
  readonly #issuers: Issuers
  /** How often it has changed how they act, and which issuers there are. */
  #changes = 0
  /** The requests that are being decided about, by uid. */
  readonly #inHand = new Set<string>()
  /** The uids of pods that are gone. */
  readonly #buried = new Set<string>()

  constructor(parts: ControllersParts) {
    this.#parts = parts
    const { stores } = parts.api
    this.#issuers = new Issuers(stores, parts.issuer)
    for (const issuers of [stores.issuers, stores.clusterIssuers]) issuers.subscribe(() => this.#takeUpAll())
    this.#store.subscribe(({ object, type }) => {
      if (type === "ADDED") this.#welcome(object)
      if (type === "MODIFIED") this.#takeUp(object, Duration.zero)
    })
  }

  /** Changes how all issuers act from now on, or how one does; what was held back goes on where it may. */
  readonly behave = (change: Partial<IssuanceBehaviour>, issuer?: IssuerName): Effect.Effect<void> =>
    Effect.sync(() => {
      this.#issuers.behave(change, issuer)
      this.#takeUpAll()
    })

  /** Adds an issuer, which acts as the others do; what waited for it goes on. */
  readonly addIssuer = (issuer: IssuerName, signer: Issuer["Service"]): Effect.Effect<void> =>
    Effect.sync(() => {
      this.#issuers.add(issuer, signer)
      this.#takeUpAll()
    })

  /** True where requests can name this issuer already. */
  readonly hasIssuer = (issuer: IssuerName): boolean => this.#issuers.has(issuer)

  /** A pod is gone: what it owns follows it. */
  readonly bury = (uid: string): Effect.Effect<void> =>
    Effect.sync(() => {
      const { collectionDelay = Duration.zero, run } = this.#parts
      this.#buried.add(uid)
      const collect = Effect.sync(() => this.#store.deleteOwnedBy(uid))
      run(Duration.isZero(collectionDelay) ? collect : Effect.delay(collect, collectionDelay))
    })

  readonly approve = (request: RequestReference) =>
    this.#on(request, (found) => this.#set(found, "approved", [condition.approved]))

  readonly deny = (request: RequestReference, message: string) =>
    this.#on(request, (found) => this.#deny(found, message))

  readonly fail = (request: RequestReference, message: string) =>
    this.#on(request, (found) => this.#set(found, "failed", [condition.failed(message)]))

  readonly invalidate = (request: RequestReference, message: string) =>
    this.#on(request, (found) => this.#set(found, "found invalid", [condition.invalid(message)]))

  /** Signs now, approved or not. */
  readonly sign = (request: RequestReference): Effect.Effect<void, NoSuchRequest> =>
    Effect.flatMap(this.#find(request), (object) => this.#sign(object, this.#issuerOf(object), false))

  get #store() {
    return this.#parts.api.stores.requests
  }

  #chance(share: number): boolean {
    return share > 0 && this.#parts.draw() < share
  }

  #welcome(object: StoredObject): void {
    const { dawdle, latency } = this.#issuerOf(object).behaviour
    const extra = Duration.isZero(dawdle) ? dawdle : Duration.times(dawdle, this.#parts.draw())
    this.#takeUp(object, Duration.sum(latency, extra))
    const owner = object.metadata.ownerReferences?.[0]?.uid
    if (owner !== undefined && this.#buried.has(owner)) this.#parts.run(this.bury(owner))
  }

  /** The issuer that a request names; a request that cannot be read is the built-in one's, which says so. */
  #issuerOf(object: StoredObject): Found {
    const { issuerRef } = Option.getOrElse(specOf(object), () => ({ issuerRef: { name: builtInName } }))
    return this.#issuers.find(issuerRef, object.metadata.namespace)
  }

  /** Something has changed: what waited may go on. */
  #takeUpAll(): void {
    this.#changes += 1
    for (const object of this.#store.all()) this.#takeUp(object, Duration.zero)
  }

  /** Sees to it that a request is decided about, by one at a time. */
  #takeUp(object: StoredObject, after: Duration.Duration): void {
    const { uid } = object.metadata
    if (isFinished(object) || this.#inHand.has(uid)) return
    this.#inHand.add(uid)
    const began = this.#changes
    const decide = Effect.ensuring(
      Duration.isZero(after) ? this.#decide(object) : Effect.delay(this.#decide(object), after),
      Effect.sync(() => this.#inHand.delete(uid))
    )
    // Whoever changed something meanwhile has passed over what was in hand.
    const again = Effect.sync(() => {
      const current = this.#current(object)
      if (current !== undefined && this.#changes !== began) this.#takeUp(current, Duration.zero)
    })
    this.#parts.run(Effect.andThen(decide, again))
  }

  /** Carries a request on as far as its issuer's behaviour of this moment allows. */
  readonly #decide = Effect.fnUntraced({ self: this }, function* (this: Controllers, asked: StoredObject) {
    const object = this.#current(asked)
    if (object === undefined) return
    const found = this.#issuerOf(object)
    const { approval, denied, failed, issuer, wronglySigned } = found.behaviour
    if (!hasCondition(object, "Approved", "True")) {
      if (approval === "hold") return
      if (approval !== "approve") return this.#deny(object, approval.deny)
      if (this.#chance(denied)) return this.#deny(object, "by chance")
      this.#set(object, "approved", [condition.approved])
    }
    if (issuer === "hold") {
      if (!hasCondition(object, "Ready", "False")) this.#set(object, "held back", [condition.pending("held back")])
      return
    }
    if (found.state === "foreign") return
    if (found.state === "missing") {
      const why = condition.noIssuer(found.kind, found.name)
      if (!carries(object, why)) this.#set(object, "held back, its issuer is not there", [why])
      return
    }
    if (typeof issuer === "object") {
      const [decision, end] =
        "fail" in issuer
          ? (["failed", condition.failed(issuer.fail)] as const)
          : (["found invalid", condition.invalid(issuer.invalid)] as const)
      return this.#set(object, decision, [end])
    }
    if (this.#chance(failed)) return this.#set(object, "failed", [condition.failed("by chance")])
    yield* this.#sign(object, found, issuer === "signWrongKey" || this.#chance(wronglySigned))
  })

  /** Signs a request, or marks it failed where that cannot be done. */
  readonly #sign = Effect.fnUntraced(
    { self: this },
    function* (this: Controllers, object: StoredObject, { behaviour, signer }: Found, wrongKey: boolean) {
      const spec = specOf(object)
      if (Option.isNone(spec)) return this.#set(object, "failed", [condition.failed("the spec cannot be read")])
      const { duration, isCA = false, usages = ["digital signature", "key encipherment"] } = spec.value
      const asked = Option.flatMap(Option.fromUndefinedOr(duration), parseGoDuration)
      const lifetime = Duration.min(
        Option.getOrElse(asked, () => defaultLifetime),
        Option.getOrElse(behaviour.lifetime, () => Duration.infinity)
      )
      const signingRequest = Option.getOrElse(signingRequestOf(spec.value), () => "")
      const { backdating, dropCommonName } = behaviour
      const order = { signingRequest, usages, isCA, lifetime, backdating, dropCommonName, wrongKey }
      const signed = yield* Effect.result(signer.sign(order))
      if (Result.isFailure(signed)) return this.#set(object, "failed", [condition.failed(signed.failure.message)])
      const status = { certificate: btoa(signed.success.certificate), ca: btoa(signed.success.ca) }
      this.#set(object, wrongKey ? "signed for another key" : "signed", [condition.issued], status)
    }
  )

  #deny(object: StoredObject, message: string): void {
    this.#set(object, "denied", [condition.denied(message), condition.deniedReady])
  }

  #find(request: RequestReference): Effect.Effect<StoredObject, NoSuchRequest> {
    return Effect.suspend(() => {
      const object = this.#store.get(request.namespace, request.name)
      return object === undefined || isFinished(object)
        ? Effect.fail(new NoSuchRequest({ request: namespacedName(request) }))
        : Effect.succeed(object)
    })
  }

  #on(request: RequestReference, act: (object: StoredObject) => void): Effect.Effect<void, NoSuchRequest> {
    return Effect.map(this.#find(request), act)
  }

  /**
   * The object as it is now; nothing where it is gone, is another one or has come to its end: the first word stands.
   */
  #current({ metadata }: StoredObject): StoredObject | undefined {
    const object = this.#store.get(metadata.namespace, metadata.name)
    return object === undefined || object.metadata.uid !== metadata.uid || isFinished(object) ? undefined : object
  }

  #set(
    asked: StoredObject,
    decision: string,
    conditions: ReadonlyArray<StoredCondition>,
    status: Readonly<Record<string, string>> = {}
  ): void {
    const object = this.#current(asked)
    if (object === undefined) return
    const { name, namespace } = object.metadata
    const now = this.#parts.api.timestamp()
    this.#parts.decided?.(object, decision)
    this.#store.update(namespace, name, (current) =>
      conditions.reduce((changed, one) => withCondition(changed, one, now, status), current)
    )
  }
}
