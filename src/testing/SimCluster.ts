/**
 * A cluster that fits in a test and obeys a seed: nodes with kubelets and certlet's real programs, an API server, an
 * approver and an issuer, in virtual time that passes only when told to. It brings its own clock and its own chance, so
 * that it runs under any test runner or none. Judges look at every step; what they find makes the next verb fail, with
 * the trace that led there.
 */
import { Cause, Clock, Context, Duration, Effect, FiberSet, Layer, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Driver } from "../driver/Driver.ts"
import { Controllers } from "../embedded/Controllers.ts"
import { Issuer } from "../embedded/Issuer.ts"
import { Cluster } from "./Cluster.ts"
import { Court, type Invariant } from "./judges/Invariants.ts"
import { judges } from "./judges/judges.ts"
import { worldOf } from "./judges/worldOf.ts"
import { Faults, type Incident, incidentsOf } from "./levers/Faults.ts"
import { amountOf, countOf, known, oneOf } from "./levers/misuse.ts"
import { type KubeletOptions, soundKubelet } from "./levers/soundKubelet.ts"
import { type OwnFault, strikeAll } from "./levers/strike.ts"
import { TimedLevers } from "./levers/TimedLevers.ts"
import { weatherOf } from "./levers/weatherOf.ts"
import { simulationBegins } from "./parts/ClusterParts.ts"
import { Dice } from "./parts/Dice.ts"
import type { PartsOfNode } from "./parts/PartsOfNode.ts"
import { SimAccounts } from "./parts/SimAccounts.ts"
import { makeSimApiServer, type SimApiServer } from "./parts/SimApiServer.ts"
import { makeSimBundleShelf } from "./parts/SimBundleShelf.ts"
import { SimBundles } from "./parts/SimBundles.ts"
import { behave } from "./parts/SimControlPlane.ts"
import type { SimKeyKind } from "./parts/SimCrypto.ts"
import { layer as issuerLayer, makeNamedIssuer } from "./parts/SimIssuer.ts"
import { SimNetwork } from "./parts/SimNetwork.ts"
import { SimNode } from "./parts/SimNode.ts"
import { SimNodes } from "./parts/SimNodes.ts"
import type { SimPod } from "./parts/SimPod.ts"
import { makeSimPodRegistry } from "./parts/SimPodRegistry.ts"
import type { Edges } from "./parts/SimProcess.ts"
import { secretsIn } from "./parts/secretsIn.ts"
import { type SettingsWish, settingsOf } from "./parts/simSettings.ts"
import { Trace } from "./story/Trace.ts"

/** What a cluster is made of; everything has a default. */
export interface ClusterOptions {
  /** By default drawn, and shown by whatever fails. */
  readonly seed?: number | string
  /** How many nodes, named `node-1` and so on; 1 by default. */
  readonly nodes?: number
  /** What goes wrong by itself; by default nothing. Incidents are drawn for each simulated day. */
  readonly faults?: Partial<Faults>
  /** Incidents to strike instead of those that `faults` would draw. */
  readonly incidents?: ReadonlyArray<Incident>
  /** Faults of one's own; they strike besides the others. */
  readonly ownFaults?: ReadonlyArray<OwnFault>
  /** Settings of every node's certlet; the others are those of an empty command line. */
  readonly settings?: SettingsWish
  readonly kubelet?: KubeletOptions
  /** The kind of every key: `Ed25519` by default, which is far faster than `P-256`. */
  readonly keys?: SimKeyKind
  /** Judged besides certlet's own. */
  readonly invariants?: ReadonlyArray<Invariant>
  /** How many of the last events can be shown; 2000 by default. */
  readonly traceEvents?: number
  readonly layers?: {
    /** Takes the place of any of a node's edges; it may build on the simulated ones. */
    readonly edges?: Layer.Layer<never, never, Edges>
    /** Takes the place of the programs. */
    readonly driver?: Layer.Layer<Driver, unknown, Edges>
    /** Takes the place of the issuer. */
    readonly issuer?: Layer.Layer<Issuer>
  }
}

const optionNames: Readonly<Record<keyof ClusterOptions, true>> = {
  seed: true,
  nodes: true,
  faults: true,
  incidents: true,
  ownFaults: true,
  settings: true,
  kubelet: true,
  keys: true,
  invariants: true,
  traceEvents: true,
  layers: true
}

/** The options, if each of them makes sense. */
const sound = (given: ClusterOptions) => {
  const {
    faults = {},
    kubelet = {},
    keys = "Ed25519",
    layers = {},
    nodes = 1,
    settings = {},
    traceEvents = 2000
  } = known("a cluster's options", given, optionNames)
  if (typeof given.seed === "number") amountOf("a seed", given.seed)
  known("a cluster's layers", layers, { edges: true, driver: true, issuer: true })
  return {
    ...given,
    nodes: countOf(nodes),
    keys: oneOf("a kind of keys", keys, ["Ed25519", "P-256"]),
    faults: Faults.of(faults),
    drawsFaults: given.faults !== undefined || given.ownFaults !== undefined,
    kubelet: soundKubelet(kubelet),
    layers,
    settings: settingsOf(settings),
    traceEvents: amountOf("how many events are kept", traceEvents)
  }
}
type SoundOptions = ReturnType<typeof sound>

interface Time {
  readonly context: Context.Context<never>
  readonly run: PartsOfNode["run"]
  readonly now: () => number
  /** The first defect of anything that ran. */
  readonly crash: () => Cause.Cause<never> | undefined
}

/** The clock and the scheduler of the cluster, and how it runs its fibers. */
const makeTime = Effect.fnUntraced(function* (seed: string): Effect.fn.Return<Time, never, Scope.Scope> {
  // Time waits for whatever is under way, however long a busy machine takes, or a story would depend on the machine.
  const time = yield* Layer.build(TestClock.layer({ warningDelay: "Infinity" }))
  const context = Context.add(yield* Effect.context<never>(), Random.Random, new Dice(seed).random)
  const within = Context.merge(context, time)
  yield* Effect.provideContext(
    TestClock.testClockWith((clock) => clock.setTime(simulationBegins)),
    within
  )
  const fork = yield* Effect.provideContext(FiberSet.makeRuntime(), within)
  let crash: Cause.Cause<never> | undefined
  const notice = (cause: Cause.Cause<never>) =>
    Effect.sync(() => {
      if (!Cause.hasInterruptsOnly(cause)) crash ??= cause
    })
  const clock = Context.get(within, Clock.Clock)
  return {
    context: within,
    run: (effect) => fork(Effect.tapCause(effect, notice)),
    now: () => clock.currentTimeMillisUnsafe(),
    crash: () => crash
  }
})

/** Makes the cluster's nodes, each of them not started yet. */
const nodeMaker =
  (options: SoundOptions, parts: Omit<PartsOfNode, "name" | "settings" | "kubelet" | "keys" | "edges" | "driver">) =>
  (name: string, times: number): SimNode => {
    const { kubelet, keys, layers, settings } = options
    const { driver = Driver.layer, edges = Layer.empty } = layers
    const node = new SimNode({
      ...parts,
      seed: times === 0 ? parts.seed : `${parts.seed}/${times}`,
      name,
      settings,
      kubelet,
      keys,
      edges,
      driver
    })
    node.diskLatency = Duration.millis(options.faults.diskLatencyMillis)
    return node
  }

const makeIssuer = ({ keys, layers }: SoundOptions) =>
  Effect.map(Layer.build(layers.issuer ?? issuerLayer(keys)), (built) => Context.get(built, Issuer))

/** Kubernetes' garbage collector works some seconds after a pod is gone. */
const collectionDelay = Duration.seconds(5)

/** The control plane's other half: who approves, signs and clears away. */
const makeControllers = (server: SimApiServer, issuer: Issuer["Service"], trace: Trace): Controllers =>
  new Controllers({
    api: server.api,
    issuer,
    run: server.run,
    draw: server.dice.next,
    decided: (object, decision) => trace.record("issuer", { _tag: "RequestDecided", object, decision }),
    collectionDelay
  })

/** What the parts of a cluster are, before anything moves. */
const makeParts = Effect.fnUntraced(function* (options: SoundOptions, seed: string, time: Time) {
  const { context, now, run } = time
  const trace = new Trace(now, options.traceEvents)
  const server = yield* makeSimApiServer(`${seed}/api`, trace.record, run)
  const issuer = yield* makeIssuer(options)
  const controllers = makeControllers(server, issuer, trace)
  const pods = new Map<string, SimPod>()
  const secretsOf = secretsIn(server.api.stores.secrets)
  const registry = makeSimPodRegistry(server)
  const shelf = makeSimBundleShelf(server)
  const { settings } = options
  const network = new SimNetwork(registry, new Dice(`${seed}/network`), trace.record)
  network.lateness = Duration.seconds(options.faults.podAddressLateSeconds)
  const accounts = new SimAccounts(now)
  server.userOf = accounts.userOf
  const onGone = (pod: SimPod) =>
    Effect.all([Effect.sync(() => pods.delete(pod.uid)), registry.remove(pod), controllers.bury(pod.uid)], {
      discard: true
    })
  const machines = new SimNodes(
    nodeMaker(options, {
      seed,
      server,
      now,
      observe: trace.record,
      run,
      contextOf: (volume) => (settings.useTokenRequest ? accounts.contextOf(volume) : {}),
      secretsOf,
      onSandbox: network.sandbox,
      onGone
    }),
    onGone
  )
  const nodes = machines.all
  for (let i = 1; i <= options.nodes; i++) machines.add(`node-${i}`)
  const { stateOf } = network
  const world = worldOf({
    now,
    pods,
    nodes,
    server,
    settings,
    stateOf,
    trustOf: shelf.get,
    secretsOf,
    timed: () => timed
  })
  const court = new Court([...judges, ...(options.invariants ?? [])], seed, () => trace.tail(40))
  trace.listen((event) => court.hear(event, world))
  trace.listen(machines.hear)
  const workings = {
    trace,
    server,
    controllers,
    issuer,
    network,
    accounts,
    bundles: new SimBundles(shelf, seed, options.keys),
    nodes,
    now,
    run,
    crash: () => court.crash ?? time.crash(),
    usual: () => weatherOf(options.faults),
    syncFrequency: options.kubelet.syncFrequency,
    machines,
    makeIssuer: (name: string) => makeNamedIssuer(options.keys, name)
  }
  const timed: TimedLevers = new TimedLevers(workings)
  const dice = new Dice(`${seed}/cluster`)
  let ended = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      ended = true
    })
  )
  return { ...workings, seed, context, dice, court, world, timed, pods, hasEnded: () => ended }
})

const make = Effect.fnUntraced(function* (given: ClusterOptions = {}): Effect.fn.Return<Cluster, never, Scope.Scope> {
  const options = sound(given)
  const seed = String(options.seed ?? (yield* Random.nextIntBetween(0, 1_000_000_000)))
  const time = yield* makeTime(seed)
  return yield* Effect.gen(function* () {
    const parts = yield* makeParts(options, seed, time)
    const cluster = new Cluster(parts)
    // Nothing that still waits for time to pass may keep the cluster from going: time stands still from now on.
    yield* Effect.addFinalizer(() => Effect.sync(() => parts.nodes.forEach((node) => void node.end())))
    yield* behave(parts.server, parts.controllers, parts.usual())
    for (const node of parts.nodes.values()) time.run(node.start)
    const { incidents } = options
    time.run(
      incidents === undefined ? strikeDaily(cluster, options, seed) : strikeAll(cluster, incidents, options.ownFaults)
    )
    return cluster
  }).pipe(Effect.provideContext(time.context))
})

/** The incidents that the faults draw, day by day, for ever. */
const strikeDaily = (cluster: Cluster, options: SoundOptions, seed: string): Effect.Effect<void> => {
  const { faults, ownFaults = [] } = options
  if (!options.drawsFaults) return Effect.void
  const day = Effect.fnUntraced(function* (n: number): Effect.fn.Return<void> {
    const names = [...cluster.world.nodes.keys()]
    yield* strikeAll(cluster, incidentsOf(faults, seed, names, n, undefined, ownFaults), ownFaults)
    yield* Effect.sleep(Duration.millis(simulationBegins + (n + 1) * 86_400_000 - cluster.world.now))
    yield* day(n + 1)
  })
  return day(0)
}

/** Simulated clusters. */
export const SimCluster = { make } as const
