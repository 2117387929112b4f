/**
 * What a simulated cluster does with CertificateRequests: an approver and an issuer decide about each one after a while, in
 * cert-manager's order and with its conditions, as far as their behaviour of that moment allows; what was held back goes on
 * when it does. The garbage collector takes the requests of pods that are gone. They work on the API server's objects and see
 * nothing else.
 */
import { Duration, Effect, Option } from "effect"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import {
  condition,
  hasCondition,
  isFinished,
  type StoredCondition,
  signingRequestOf,
  specOf,
  withCondition
} from "../../embedded/RequestRules.ts"
import { parseGoDuration } from "../../spec/GoDuration.ts"
import type { SimApiServer } from "./SimApiServer.ts"
import { simKeyPair } from "./SimCrypto.ts"
import type { SimIssuer } from "./SimIssuer.ts"
import { randomBytes } from "./SimKeyGenerator.ts"

/** How approver and issuer behave from now on. */
export interface IssuanceBehaviour {
  readonly approval: "approve" | "hold" | "deny"
  readonly issuer: "sign" | "hold" | "fail" | "signWrongKey"
  /** From a request's creation to its end, when nothing holds it back. */
  readonly latency: Duration.Duration
  /** The most that comes on top of it, drawn anew for every request. */
  readonly dawdle: Duration.Duration
  /** The lifetime that the issuer gives, whatever is asked for; none gives what is asked for. */
  readonly lifetime: Option.Option<Duration.Duration>
  /** How many requests are denied, and how many fail, whatever else is said here. */
  readonly denied: number
  readonly failed: number
  readonly wronglySigned: number
}

/** An approver and an issuer that do their work. */
export const calmIssuance: IssuanceBehaviour = {
  approval: "approve",
  issuer: "sign",
  latency: Duration.millis(20),
  dawdle: Duration.zero,
  lifetime: Option.none(),
  denied: 0,
  failed: 0,
  wronglySigned: 0
}

/** Kubernetes' garbage collector works some seconds after the pod is gone. */
const collectionDelay = Duration.seconds(5)

/** Approver, issuer and garbage collector. */
export class SimControllers {
  behaviour = calmIssuance
  readonly #server: SimApiServer
  readonly #issuer: SimIssuer
  /** The uids of pods that are gone. */
  readonly #buried = new Set<string>()

  constructor(server: SimApiServer, issuer: SimIssuer) {
    this.#server = server
    this.#issuer = issuer
    server.store.subscribe(({ object, type }) => {
      if (type === "ADDED") this.#welcome(object)
      if (type === "DELETED") server.observe("api", { _tag: "RequestDeleted", object })
    })
  }

  /** Takes up again what was held back. */
  readonly goOn: Effect.Effect<void> = Effect.sync(() => {
    for (const object of this.#server.store.all()) {
      if (!isFinished(object)) this.#server.run(this.#decide(object))
    }
  })

  /** A pod is gone: its requests follow it. */
  readonly bury = (uid: string): Effect.Effect<void> =>
    Effect.sync(() => {
      this.#buried.add(uid)
      this.#server.run(
        Effect.delay(
          Effect.sync(() => this.#server.store.deleteOwnedBy(uid)),
          collectionDelay
        )
      )
    })

  #welcome(object: StoredObject): void {
    this.#server.observe("api", { _tag: "RequestCreated", object })
    const { dawdle, latency } = this.behaviour
    const extra = Duration.times(dawdle, Duration.isZero(dawdle) ? 0 : this.#server.dice.next())
    this.#server.run(Effect.delay(this.#decide(object), Duration.sum(latency, extra)))
    const owner = object.metadata.ownerReferences?.[0]?.uid
    if (owner !== undefined && this.#buried.has(owner)) this.#server.run(this.bury(owner))
  }

  /** Carries a request on as far as the behaviour of this moment allows. */
  readonly #decide = (asked: StoredObject): Effect.Effect<void> =>
    Effect.gen({ self: this }, function* (this: SimControllers) {
      const { approval, denied, failed, issuer, wronglySigned } = this.behaviour
      const object = this.#current(asked)
      if (object === undefined) return
      const { dice } = this.#server
      if (!hasCondition(object, "Approved", "True")) {
        if (approval === "hold") return
        if (approval === "deny" || dice.chance(denied)) {
          return this.#set(object, "denied", [condition.denied("by policy"), condition.deniedReady])
        }
        this.#set(object, "approved", [condition.approved])
      }
      if (issuer === "hold") return
      if (issuer === "fail" || dice.chance(failed)) return this.#set(asked, "failed", [condition.failed("out of ink")])
      yield* this.#sign(asked, issuer === "signWrongKey" || dice.chance(wronglySigned))
    })

  readonly #sign = Effect.fnUntraced(
    { self: this },
    function* (this: SimControllers, asked: StoredObject, wrongKey: boolean) {
      const spec = Option.getOrThrow(specOf(asked))
      const wanted = Option.flatMap(Option.fromUndefinedOr(spec.duration), parseGoDuration)
      const duration = Option.getOrElse(
        Option.orElse(this.behaviour.lifetime, () => wanted),
        () => Duration.days(90)
      )
      const text = Option.getOrThrow(signingRequestOf(spec))
      const stranger = wrongKey ? simKeyPair(yield* randomBytes, "Ed25519").publicKey : undefined
      const signed = yield* this.#issuer.sign(text, duration, stranger)
      const status = { certificate: btoa(signed.certificate), ca: btoa(signed.ca) }
      this.#set(asked, wrongKey ? "signed for another key" : "signed", [condition.issued], status)
    }
  )

  /** The object as it is now; nothing where it is gone, is another one or has come to its end. */
  #current({ metadata }: StoredObject): StoredObject | undefined {
    const object = this.#server.store.get(metadata.namespace, metadata.name)
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
    const now = this.#server.timestamp()
    this.#server.observe("issuer", { _tag: "RequestDecided", object, decision })
    this.#server.store.update(namespace, name, (object) =>
      conditions.reduce((changed, one) => withCondition(changed, one, now, status), object)
    )
  }
}
