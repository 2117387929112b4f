/**
 * A running simulated cluster, with its verbs. What they do they do at once; only `advance` and `settle` let time pass. After
 * any of these two, and in `check`, what the judges have found becomes a failure that shows the trace and the seed. It is
 * made by `SimCluster.make`.
 */
import { type Cause, type Context, Deferred, Duration, Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import type { PodState } from "../PodState.ts"
import type { Dice } from "./Dice.ts"
import type { Incident } from "./Faults.ts"
import { type CrashPoint, fenced } from "./fence.ts"
import type { Court, InvariantBroken, World } from "./Invariants.ts"
import {
  apiLevers,
  bundleLevers,
  clockLever,
  diskLevers,
  issuerLevers,
  type TimedLevers,
  tell,
  type Workings
} from "./levers.ts"
import { CannotSee, type Sight, seeVolume } from "./Sight.ts"
import type { SimNode } from "./SimNode.ts"
import { makePod, nameOf, type PodWish, type SimPod } from "./SimPod.ts"
import { settle } from "./settle.ts"
import { type OwnFault, strike } from "./strike.ts"
import type { Trace } from "./Trace.ts"

/** How a process ends before it is started again. */
export interface Ending {
  /** How long the node has no certlet; two seconds at least, and by default. */
  readonly downtime?: Duration.Input
}

/** The simulation begins here, in milliseconds since 1970: any instant would do. */
export const beginning = 1_893_456_000_000

/** What the parts of a cluster share. */
export interface ClusterParts extends Workings {
  readonly seed: string
  readonly context: Context.Context<never>
  readonly dice: Dice
  readonly court: Court
  readonly world: World
  readonly timed: TimedLevers
  readonly pods: Map<string, SimPod>
  readonly ownFaults: ReadonlyArray<OwnFault>
  /** The first defect of the simulation itself. */
  readonly crash: () => Cause.Cause<never> | undefined
  readonly syncFrequency: Duration.Duration
}

/** A running cluster. Verbs do their work at once; only `advance` and `settle` let time pass. */
export class Cluster {
  readonly seed: string
  readonly trace: Trace
  readonly world: World
  readonly issuer: ReturnType<typeof issuerLevers>
  readonly api: ReturnType<typeof apiLevers>
  readonly #parts: ClusterParts
  #pods = 0

  constructor(parts: ClusterParts) {
    this.#parts = parts
    this.seed = parts.seed
    this.trace = parts.trace
    this.world = parts.world
    this.issuer = this.#byItsClock(issuerLevers(parts, parts.timed))
    this.api = this.#byItsClock(apiLevers(parts, parts.timed))
  }

  /** Schedules a pod; its kubelet takes it from there. */
  readonly schedule = (wish: PodWish = {}): Effect.Effect<SimPod> =>
    this.#within(
      Effect.suspend(() => {
        const { dice, nodes, pods } = this.#parts
        const names = [...nodes.keys()]
        const node = wish.node ?? names[this.#pods % names.length] ?? ""
        this.#pods += 1
        const pod = makePod({ ...wish, name: wish.name ?? `pod-${this.#pods}`, node }, dice.uuid(), dice.hex(64))
        pods.set(pod.uid, pod)
        this.node(node).kubelet.add(pod)
        return Effect.as(this.#parts.network.change(pod, wish.labels === undefined ? {} : { labels: wish.labels }), pod)
      })
    )

  /** Deletes a pod: its container ends, its volume goes, its requests follow. */
  readonly delete = (pod: SimPod): Effect.Effect<void> =>
    this.#within(Effect.sync(() => this.node(pod.node).kubelet.delete(pod)))

  /** What a process in the pod's container sees. */
  readonly exec = (pod: SimPod): Effect.Effect<Sight, CannotSee> =>
    Effect.suspend(() => {
      const fail = (detail: string) => Effect.fail(new CannotSee({ pod: nameOf(pod), detail }))
      if (pod.phase !== "running") return fail(`no container runs, the pod is ${pod.phase}`)
      if (Option.isNone(pod.held)) return fail("the container has no volume")
      return Effect.catch(Effect.fromResult(seeVolume(pod.held.value)), fail)
    })

  /** Lets time pass. Fails where an invariant was broken meanwhile. */
  readonly advance = (time: Duration.Input): Effect.Effect<void, InvariantBroken> =>
    Effect.andThen(this.#within(this.#unlessFound(TestClock.adjust(time))), this.#verdict)

  readonly #unlessFound = (passing: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.raceFirst(passing, Deferred.await(this.#parts.court.finding))

  /** Ends certlet on a node in order, as a rollout does; it is started again. */
  readonly stop = (node: string, ending: Ending = {}): Effect.Effect<void> =>
    this.#within(
      Effect.andThen(
        tell(this.#parts, node, "certlet is told to stop"),
        Effect.sync(() => void this.#parts.run(this.node(node).stop(downtimeOf(ending))))
      )
    )

  /** Kills certlet on a node, now or, with `at`, at its n-th call to anything from now on; it is started again. */
  readonly kill = (node: string, ending: Ending & { readonly at?: CrashPoint } = {}): Effect.Effect<void> =>
    this.#within(this.node(node).kill(downtimeOf(ending), Option.fromUndefinedOr(ending.at)))

  /** Nothing of certlet on this node moves for so long: no call, no answer, no timer. */
  readonly freeze = (node: string, time: Duration.Input): Effect.Effect<void> =>
    this.#within(
      Effect.andThen(
        tell(this.#parts, node, `certlet is frozen for ${Duration.format(Duration.fromInputUnsafe(time))}`),
        this.node(node).freeze(Duration.fromInputUnsafe(time))
      )
    )

  /** The node cannot reach the API server for so long. */
  readonly cut = (node: string, time: Duration.Input): Effect.Effect<void> => {
    const { link } = this.node(node)
    const cut = Effect.sync(() => void Object.assign(link, { cut: true }))
    const mend = Effect.andThen(
      Effect.sync(() => void Object.assign(link, { cut: false })),
      this.#parts.server.dropWatches((other) => other === link, "the connection timed out (simulated)")
    )
    const sentence = `the API server is out of reach for ${Duration.format(Duration.fromInputUnsafe(time))}`
    return this.#within(
      Effect.andThen(tell(this.#parts, node, sentence), this.#parts.timed.pull(`${node}/cut`, time, cut, mend))
    )
  }

  /** The node's kubelet is away for so long; containers run on. */
  readonly restartKubelet = (node: string, time: Duration.Input): Effect.Effect<void> => {
    const { kubelet } = this.node(node)
    const away = Effect.sync(() => kubelet.stop())
    const back = Effect.sync(() => kubelet.start())
    return this.#within(
      Effect.andThen(
        tell(this.#parts, node, "the kubelet restarts"),
        this.#parts.timed.pull(`${node}/kubelet`, time, away, back)
      )
    )
  }

  /** The node starts anew: mounts, data root and containers are gone and made again. */
  readonly reboot = (node: string, time: Duration.Input): Effect.Effect<void> =>
    this.#within(
      Effect.andThen(
        tell(this.#parts, node, "the node reboots"),
        this.node(node).reboot(Duration.fromInputUnsafe(time))
      )
    )

  /** Changes what the API server shows of a pod: its labels, annotations, conditions or addresses. */
  readonly change = (pod: SimPod, change: Partial<PodState>): Effect.Effect<void> =>
    this.#within(this.#parts.network.change(pod, change))

  /** The pod's sandbox is made anew, under another address. */
  readonly readdress = (pod: SimPod): Effect.Effect<void> => this.#within(this.#parts.network.readdress(pod))

  /** No ServiceAccount token that was handed out so far is good any more; the next publish brings a new one. */
  get expireTokens(): Effect.Effect<void> {
    const { accounts } = this.#parts
    return Effect.andThen(
      tell(this.#parts, "api", "takes no token any more that was handed out so far"),
      Effect.sync(accounts.revoke)
    )
  }

  /** The trust bundles that were ever written, by the words of the attribute `trust-bundle`. */
  get bundleNames(): ReadonlyArray<readonly [name: string, namespace: string]> {
    return this.#parts.bundles.all.map((bundle) => [
      bundle.kind === "ConfigMap" ? `ConfigMap/${bundle.name}/${bundle.key}` : `ClusterTrustBundle/${bundle.name}`,
      bundle.namespace
    ])
  }

  /** A trust bundle, by the words of the attribute `trust-bundle`, such as `ConfigMap/roots`. */
  readonly bundle = (name: string, namespace?: string) =>
    this.#byItsClock(bundleLevers(this.#parts, this.#parts.timed, name, namespace))

  /** A node's disk. */
  readonly disk = (node: string) => this.#byItsClock(diskLevers(this.#parts, this.#parts.timed, this.node(node)))

  /** A node's clock. */
  readonly clock = (node: string) => this.#byItsClock(clockLever(this.#parts, this.node(node)))

  /** Faults end, and within two hours everything has to converge: every live pod served, every deleted one gone. */
  get settle(): Effect.Effect<void, InvariantBroken> {
    return Effect.andThen(this.#within(this.#unlessFound(settle(this.#parts))), this.#verdict)
  }

  /** Every invariant, as far as the cluster has come. */
  get check(): Effect.Effect<void, InvariantBroken> {
    return this.#verdict
  }

  /** Strikes incidents as time passes; each is given by its time since the beginning. */
  readonly strikeAll = (incidents: ReadonlyArray<Incident>): Effect.Effect<void> =>
    Effect.forEach(
      incidents,
      (incident) =>
        Effect.suspend(() => {
          const left = beginning + incident.at - this.#parts.now()
          const now = strike(this, incident, this.#parts.ownFaults)
          return left > 0 ? Effect.delay(now, Duration.millis(left)) : now
        }),
      { discard: true }
    )

  /** A node by its name. */
  readonly node = (name: string): SimNode => {
    const node = this.#parts.nodes.get(name)
    if (node === undefined) throw new Error(`there is no node ${name}; there are ${[...this.#parts.nodes.keys()]}`)
    return node
  }

  /** Levers are pulled from anywhere, and what they do happens by the cluster's own clock and chance. */
  readonly #byItsClock = <L extends object>(levers: L): L =>
    fenced(levers, (pull) => Effect.provideContext(pull, this.#parts.context))

  readonly #within = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, this.#parts.context)

  get #verdict(): Effect.Effect<void, InvariantBroken> {
    return Effect.suspend(() => {
      const { found } = this.#parts.court
      const crash = this.#parts.crash()
      // What does not converge because something died is no finding about certlet.
      if (crash !== undefined && found?.kind !== "safety") return Effect.failCause(crash)
      return found === undefined ? Effect.void : Effect.fail(found)
    })
  }
}

const downtimeOf = ({ downtime = "2 seconds" }: Ending): Duration.Duration => Duration.fromInputUnsafe(downtime)
