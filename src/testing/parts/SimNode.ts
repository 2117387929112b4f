/**
 * One node of a simulated cluster: its disk, its records, its kubelet, its way to the API server, and certlet's
 * process, which is started again whenever it has gone, as a DaemonSet's is. Disk and records outlive every process;
 * what a process holds in memory does not.
 */
import { type Context, Duration, Effect, Layer, Option, Scope } from "effect"
import { Status } from "../../csi/Status.ts"
import { KeyGenerator } from "../../issuance/KeyGenerator.ts"
import { ApiServer } from "../../kube/ApiServer.ts"
import { Settings } from "../../Settings.ts"
import { Entropy } from "../../volume/Entropy.ts"
import { VolumeFS } from "../../volume/VolumeFS.ts"
import { VolumeRecords } from "../../volume/VolumeRecord.ts"
import type { Happening } from "../story/Happening.ts"
import { Dice } from "./Dice.ts"
import { type Blow, type CrashPoint, type Fence, fenced, type Hang } from "./Fence.ts"
import type { PartsOfNode } from "./PartsOfNode.ts"
import type { Skew } from "./SimClock.ts"
import { type Link, makeLink } from "./SimConnection.ts"
import { clients } from "./SimControlPlane.ts"
import { drawBytes } from "./SimEntropy.ts"
import { makeSimKeyGenerator } from "./SimKeyGenerator.ts"
import { SimKubelet } from "./SimKubelet.ts"
import type { SimPod } from "./SimPod.ts"
import { type Edges, SimProcess } from "./SimProcess.ts"
import { makeSimDisk } from "./SimVolumeFS.ts"
import { makeSimRecords } from "./SimVolumeRecords.ts"

/** How soon a process that has gone is there again. */
const restartDelay = 2000
/**
 * One that ends before it serves is started ever more seldom, as Kubernetes does with containers that crash in a row:
 * after 10 s, 20 s, and so on up to 5 min (its documentation, "Container restart policy").
 */
const crashLoop = { first: 10_000, most: 300_000 } as const

/** A node. */
export class SimNode {
  readonly name: string
  readonly link: Link
  readonly skew: Skew = { millis: 0 }
  readonly disk: ReturnType<typeof makeSimDisk>
  readonly records: ReturnType<typeof makeSimRecords>
  readonly kubelet: SimKubelet
  /** No pod comes to it that does not name it. */
  isDrained = false
  /** The most that a call to the disk takes. */
  diskLatency = Duration.zero
  readonly #parts: PartsOfNode
  readonly #dice: Dice
  #process: SimProcess | undefined
  #incarnation = 0
  /** How many processes in a row have ended before they served. */
  #failedStarts = 0
  /** When the next process may start, in simulated milliseconds. */
  #notBefore = 0
  #lastSaved: string | undefined
  #torn = false
  #hasLeft = false

  constructor(parts: PartsOfNode) {
    this.#parts = parts
    this.name = parts.name
    this.link = makeLink(parts.name)
    this.#dice = new Dice(`${parts.seed}/${parts.name}`)
    this.disk = makeSimDisk(this.observe)
    this.records = makeSimRecords((change) => {
      if (change._tag === "RecordSaved") this.#lastSaved = change.volumeId
      this.observe(change)
    })
    this.kubelet = new SimKubelet({
      settings: parts.kubelet,
      dice: this.#dice,
      observe: this.observe,
      now: parts.now,
      run: parts.run,
      plugin: () => this.#process,
      volumeAt: (target) => this.disk.volumes.get(target),
      makeFolder: (target) => this.disk.folders.make(target),
      removeFolder: (target) => this.disk.folders.remove(target),
      contextOf: parts.contextOf,
      secretsOf: parts.secretsOf,
      onSandbox: parts.onSandbox,
      onGone: parts.onGone
    })
  }

  /** Tells the trace of something on this node. */
  readonly observe = (what: Happening): void => this.#parts.observe(this.name, what)

  /** The secrets in certlet's memory that nobody has overwritten; a process that goes takes them along. */
  get secrets(): ReadonlyArray<Uint8Array> {
    return this.#process?.memory.secrets ?? []
  }

  /** Starts certlet. */
  readonly start: Effect.Effect<void> = Effect.suspend(() => {
    const incarnation = ++this.#incarnation
    const { driver, seed, settings } = this.#parts
    const running = new SimProcess({
      seed: `${seed}/${this.name}/${incarnation}`,
      incarnation,
      settings: { ...settings, nodeId: this.name },
      edges: this.#edges,
      driver,
      skew: this.skew,
      observe: this.observe,
      run: this.#parts.run,
      onDeath: () => this.#afterDeath(running)
    })
    running.fence.pace = () =>
      Duration.isZero(this.diskLatency) ? Duration.zero : Duration.times(this.diskLatency, this.#dice.next())
    this.#process = running
    return running.start
  })

  /** Ends certlet in order; it is started again after `downtime`. */
  readonly stop = (downtime: Duration.Duration): Effect.Effect<void> =>
    Effect.suspend(() => {
      const running = this.#process
      this.#stayDown(downtime)
      if (running === undefined) return Effect.void
      return Effect.andThen(
        running.stop,
        Effect.sync(() => this.#afterDeath(running))
      )
    })

  /** The cluster is taken down. */
  readonly end = (): void => this.#process?.die()

  /** The node leaves for good: nothing starts on it any more. Answers with the pods that were on it. */
  readonly leave = (): ReadonlyArray<SimPod> => {
    this.#hasLeft = true
    this.#process?.die()
    return this.kubelet.leave()
  }

  /** Kills certlet, now or at a chosen call; it is started again after `downtime`. */
  readonly kill = (downtime: Duration.Duration, at: Option.Option<CrashPoint>): Effect.Effect<void> =>
    Effect.sync(() => {
      if (Option.isNone(at)) this.#stayDown(downtime)
      if (Option.isSome(at)) this.#process?.fence.crashAt(at.value)
      else this.#process?.die()
    })

  /** Something strikes at one of certlet's next calls to anything. */
  readonly strikeAt = (blow: Blow): Effect.Effect<void> => Effect.sync(() => this.#process?.fence.strikeAt(blow))

  /** One of certlet's next calls to the disk hangs. */
  readonly hang = (hang: Hang): Effect.Effect<void> => Effect.sync(() => this.#process?.fence.hangAt(hang))

  /** Calls that the kubelet cancels run on in this certlet, from now on or no longer. */
  readonly letCallsRunOn = (doTheyRunOn: boolean): Effect.Effect<void> =>
    Effect.sync(() => (doTheyRunOn ? this.#process?.deafen() : this.#process?.hear()))

  /** Nothing of certlet moves for so long. */
  readonly freeze = (time: Duration.Duration): Effect.Effect<void> =>
    Effect.sync(() => {
      const running = this.#process
      if (running === undefined) return
      running.fence.thawed.closeUnsafe()
      this.#parts.run(Effect.delay(this.#thaw(running), time))
    })

  #thaw({ fence }: SimProcess): Effect.Effect<void> {
    return Effect.sync(() => {
      if (!fence.isFrozen) return
      // Whoever waits moves within the opening.
      this.observe({ _tag: "Struck", sentence: "certlet moves again" })
      fence.thawed.openUnsafe()
    })
  }

  /** Nothing is amiss on this node any more, what was to come does not come, and a certlet that is away is started. */
  readonly calm: Effect.Effect<void> = Effect.sync(() => {
    this.skew.millis = 0
    this.diskLatency = Duration.zero
    this.#torn = false
    this.#process?.fence.thawed.openUnsafe()
    this.#process?.fence.crashAt(undefined)
    this.#process?.fence.strikeAt(undefined)
    this.#process?.fence.hangAt(undefined)
    // A node that was to stay away for longer is back at once: a node without a certlet renews nothing, and that is no
    // fault of certlet's.
    this.#notBefore = 0
    if (this.#process === undefined) this.#parts.run(this.#restart)
    this.kubelet.start()
  })

  /** True where a call to the disk takes a second at the most, none hangs, and certlet is not frozen. */
  get isQuick(): boolean {
    const fence = this.#process?.fence
    return Duration.toMillis(this.diskLatency) <= 1000 && fence?.mayHang !== true && fence?.isFrozen !== true
  }

  /** True where a certlet runs that has listened to its kubelet. */
  get isServing(): boolean {
    return this.#process?.hasServed === true
  }

  /** Asks the certlet of this node something, as an operator does through its admin door. */
  readonly ask: SimProcess["ask"] = (question) =>
    Effect.suspend(() => {
      const running = this.#process
      if (running !== undefined) return running.ask(question)
      return Effect.fail(new Status({ code: "UNAVAILABLE", sentence: `no certlet runs on ${this.name}` }))
    })

  /** The record that is being written when certlet dies next is left half. */
  readonly tear: Effect.Effect<void> = Effect.sync(() => {
    this.#torn = true
  })

  /**
   * The node restarts: its mounts are gone, its containers are made again; the data root, in memory, is gone as
   * well.
   */
  readonly reboot = (downtime: Duration.Duration): Effect.Effect<void> =>
    Effect.gen({ self: this }, function* (this: SimNode) {
      this.kubelet.stop()
      yield* this.kill(downtime, Option.none())
      const { inherited, volumes } = this.disk
      for (const target of [...volumes.keys(), ...inherited]) yield* this.disk.levers.clean(target)
      yield* this.records.levers.wipe
      for (const pod of this.kubelet.pods) {
        if (pod.phase === "running") pod.phase = "pending"
        for (const volume of pod.volumes.values()) volume.held = Option.none()
      }
      this.#parts.run(
        Effect.delay(
          Effect.sync(() => this.kubelet.start()),
          downtime
        )
      )
    })

  /** The texts of the records. */
  get texts(): ReadonlyMap<string, string> {
    return this.records.texts
  }

  #stayDown(downtime: Duration.Duration): void {
    this.#notBefore = Math.max(this.#notBefore, this.#parts.now() + Duration.toMillis(downtime))
  }

  #afterDeath(running: SimProcess): void {
    if (this.#process !== running) return
    this.#process = undefined
    if (this.#torn && this.#lastSaved !== undefined) this.#tearNow(this.#lastSaved)
    this.#failedStarts = running.hasServed ? 0 : this.#failedStarts + 1
    const pause = Math.min(crashLoop.most, crashLoop.first * 2 ** Math.min(this.#failedStarts - 1, 10))
    this.#stayDown(Duration.millis(this.#failedStarts === 0 ? restartDelay : pause))
    this.#parts.run(this.#restart)
  }

  readonly #restart: Effect.Effect<void> = Effect.suspend(() => {
    const left = this.#notBefore - this.#parts.now()
    if (left > 0) return Effect.andThen(Effect.sleep(Duration.millis(left)), this.#restart)
    return this.#process === undefined && !this.#hasLeft ? this.start : Effect.void
  })

  #tearNow(volumeId: string): void {
    this.#torn = false
    const text = this.records.texts.get(volumeId)
    if (text === undefined) return
    this.observe({ _tag: "Struck", sentence: `the record of ${volumeId.slice(0, 12)} is left half written` })
    this.#parts.run(this.records.levers.damage(volumeId, text.slice(0, Math.floor(text.length * this.#dice.next()))))
  }

  /** The clients reach the API server through the fence of their process: what is dead calls nobody. */
  readonly #edges = (fence: Fence): Effect.Effect<Context.Context<Edges>, never, Scope.Scope> => {
    const { edges, keys, server, settings } = this.#parts
    const apiServer = Layer.succeed(ApiServer, fenced(server.connect(this.link), fence.pass))
    const own = Layer.mergeAll(
      Layer.succeed(Settings, { ...settings, nodeId: this.name }),
      Layer.succeed(Entropy, { bytes: drawBytes }),
      Layer.succeed(KeyGenerator, makeSimKeyGenerator(keys)),
      Layer.succeed(VolumeFS, this.disk.volumeFS),
      Layer.effect(VolumeRecords, this.records.start)
    )
    const built = Layer.provideMerge(edges, Layer.provideMerge(Layer.provide(clients, apiServer), own))
    return Effect.flatMap(Scope.Scope, (scope) => Layer.buildWithMemoMap(built, Layer.makeMemoMapUnsafe(), scope))
  }
}
