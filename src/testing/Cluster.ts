/**
 * A running simulated cluster, with its verbs. What they do they do at once; only `advance` and `settle` let time pass.
 * After any of these two, and in `check`, what the judges have found becomes a failure that shows the trace and the
 * seed. It is made by `SimCluster.make`. In the examples `cluster` has the nodes node-1 and node-2, `pod` asks for
 * certificates of an hour and runs on node-1, and `assert` is `node:assert/strict`; each of them is run by the tests.
 */

import { type Duration, Effect, flow } from "effect"
import { TestClock } from "effect/testing"
import { issuerText } from "../embedded/Issuers.ts"
import { isLevers, type Levers } from "../embedded/promised.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import type { InvariantBroken, World } from "./judges/Invariants.ts"
import { apiLevers } from "./levers/apiLevers.ts"
import { type Controller, controllersOf } from "./levers/Hand.ts"
import { issuerLevers } from "./levers/issuerLevers.ts"
import { bundleLevers, clockLever, diskLevers } from "./levers/leversOfNodes.ts"
import { Misuse, soundEntries, timeOf } from "./levers/misuse.ts"
import { PassingTime } from "./levers/PassingTime.ts"
import { settle } from "./levers/settle.ts"
import { type IssuerWish, soundIssuer } from "./levers/soundIssuer.ts"
import { tell } from "./levers/TimedLevers.ts"
import type { ClusterParts } from "./parts/ClusterParts.ts"
import { fenced } from "./parts/Fence.ts"
import { defaultNamespace } from "./parts/SimPod.ts"
import { secretObject } from "./parts/secretsIn.ts"
import type { Trace } from "./story/Trace.ts"
import { VerbsOfNodes } from "./VerbsOfNodes.ts"

/** A running cluster. Verbs do their work at once; only `advance` and `settle` let time pass. */
export class Cluster extends VerbsOfNodes {
  readonly seed: string
  readonly trace: Trace
  readonly world: World
  /** The levers of the issuer `ca`, which every cluster has: an Issuer of every namespace, and a ClusterIssuer. */
  readonly issuer: Levers<ReturnType<typeof issuerLevers>>
  readonly api: Levers<ReturnType<typeof apiLevers>>
  /**
   * Runs a controller of your own on the cluster's clock, for as long as the cluster lives. What it fails with ends the
   * stretch of time that passes.
   *
   * @example
   * yield* cluster.run(({ sleep, watch }) =>
   *   Effect.gen(function* () {
   *     const found = yield* watch(({ pods }) => pods.find(({ name }) => name === "web"))
   *     yield* Effect.andThen(sleep("10 minutes"), cluster.delete(found))
   *   })
   * )
   * const web = yield* cluster.schedule({ name: "web" })
   * yield* cluster.advance("9 minutes")
   * assert.equal(web.phase, "running")
   * yield* cluster.advance("2 minutes")
   * assert.equal(web.phase, "gone")
   */
  readonly run: (controller: Controller) => Effect.Effect<void>
  readonly #time: PassingTime

  constructor(parts: ClusterParts) {
    super(parts)
    this.#time = new PassingTime(parts)
    this.seed = parts.seed
    this.trace = parts.trace
    this.world = parts.world
    this.run = flow(controllersOf(parts), this.within)
    this.issuer = this.#byItsClock(issuerLevers(parts, parts.timed))
    this.api = this.#byItsClock(apiLevers(parts, parts.timed))
  }

  /**
   * Adds an issuer with a CA of its own, and answers with its levers. What asked for it before is signed now.
   *
   * @example
   * const wish = { issuer: "corp", issuerKind: "ClusterIssuer" }
   * const early = yield* cluster.schedule(wish)
   * yield* cluster.advance("10 minutes")
   * assert.equal(early.phase, "pending")
   * const corp = yield* cluster.addIssuer({ name: "corp", kind: "ClusterIssuer" })
   * yield* cluster.advance("5 minutes")
   * assert.equal(early.phase, "running")
   * yield* corp.stall("1 hour")
   * const late = yield* cluster.schedule(wish)
   * yield* cluster.advance("30 minutes")
   * assert.equal(late.phase, "pending")
   */
  readonly addIssuer = (wish: IssuerWish): Effect.Effect<Levers<ReturnType<typeof issuerLevers>>> =>
    this.within(
      Effect.suspend(() => {
        const issuer = soundIssuer(wish)
        const { controllers, makeIssuer, timed } = this.parts
        const named = issuerText(issuer)
        if (controllers.hasIssuer(issuer)) throw new Misuse(`${named} is there already`)
        return Effect.flatMap(makeIssuer(issuer.name), (signer) =>
          Effect.andThen(
            tell(this.parts, "issuer", `${named} is there from now on`),
            Effect.as(
              controllers.addIssuer(issuer, signer),
              this.#byItsClock(issuerLevers(this.parts, timed, issuer, signer))
            )
          )
        )
      })
    )

  /**
   * Lets time pass. Fails where an invariant was broken meanwhile.
   *
   * @example
   * const before = yield* cluster.exec(pod)
   * yield* cluster.advance("1 hour")
   * assert.notEqual((yield* cluster.exec(pod)).certificate.serialNumber, before.certificate.serialNumber)
   */
  readonly advance = (time: Duration.Input): Effect.Effect<void, InvariantBroken> =>
    this.within(this.#time.pass(Effect.suspend(() => TestClock.adjust(timeOf(time)))))

  /**
   * Puts a Secret, by default into the namespace `apps`: kubelets read the one that a volume names as its `secret`.
   *
   * @example
   * const prefix = "csi.cert-manager.io/"
   * const attributes = { [`${prefix}pkcs12-enable`]: "true", [`${prefix}pkcs12-password-from`]: "secret:password" }
   * const keystore = yield* cluster.schedule({ secret: "keystore", attributes })
   * yield* cluster.advance("1 minute")
   * assert.equal(keystore.phase, "pending")
   * yield* cluster.secret("keystore", { password: "open sesame" })
   * yield* cluster.advance("3 minutes")
   * assert.equal((yield* cluster.exec(keystore)).files.has("keystore.p12"), true)
   */
  readonly secret = (
    name: string,
    entries: Readonly<Record<string, string>>,
    namespace = defaultNamespace
  ): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() => {
        const object = secretObject({ name, namespace }, soundEntries(entries))
        return Effect.andThen(
          tell(this.parts, "api", `Secret ${namespacedName({ name, namespace })} is written`),
          Effect.sync(() => this.parts.server.api.stores.secrets.put(object))
        )
      })
    )

  /** No ServiceAccount token that was handed out so far is good any more; the next publish brings a new one. */
  readonly expireTokens = (): Effect.Effect<void> => {
    const told = tell(this.parts, "api", "takes no token any more that was handed out so far")
    return Effect.andThen(told, Effect.sync(this.parts.accounts.revoke))
  }

  /** The trust bundles that were ever written, by the words of the attribute `trust-bundle`. */
  get bundleNames(): ReadonlyArray<readonly [name: string, namespace: string]> {
    return this.parts.bundles.names
  }

  /** A trust bundle, by the words of the attribute `trust-bundle`, such as `ConfigMap/roots`. */
  readonly bundle = (name: string, namespace?: string) =>
    this.#byItsClock(bundleLevers(this.parts, this.parts.timed, name, namespace))

  /** A node's disk. */
  readonly disk = (node: string) => this.#byItsClock(diskLevers(this.parts, this.parts.timed, this.node(node)))

  /** A node's clock. */
  readonly clock = (node: string) => this.#byItsClock(clockLever(this.parts, this.node(node)))

  /**
   * Faults end, and within two hours and a look of the kubelet everything has to converge: every live pod served, every
   * deleted one gone.
   *
   * @example
   * yield* cluster.api.down("1 day")
   * yield* cluster.advance("4 hours")
   * yield* cluster.settle()
   * yield* cluster.exec(pod)
   */
  readonly settle = (): Effect.Effect<void, InvariantBroken> => this.within(this.#time.pass(settle(this.parts)))

  /**
   * Every invariant, as far as the cluster has come; fails with the trace, the seed and how to run it again.
   *
   * @example
   * yield* cluster.kill("node-1")
   * yield* cluster.advance("1 day")
   * yield* cluster.check()
   */
  readonly check = (): Effect.Effect<void, InvariantBroken> => this.within(this.#time.verdict)

  /** Levers are pulled from anywhere, and what they do happens by the cluster's own clock and chance. */
  readonly #byItsClock = <L extends object>(levers: L): Levers<L> =>
    fenced({ ...levers, [isLevers]: true as const }, this.within)
}
