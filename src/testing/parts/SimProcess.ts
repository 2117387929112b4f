/**
 * One life of certlet on a simulated node: the real programs over the node's edges, from its start to its stop or its
 * death. `stop` is the orderly end: no new call is taken, those in flight may finish, scopes close. `die` is a crash:
 * the fence shuts first, so that nothing the dead process still does changes anything, and only then its fibers are
 * cleared away.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Logger, Random, References, Scope } from "effect"
import { Kubelet } from "../../csi/Kubelet.ts"
import type { Status } from "../../csi/Status.ts"
import { serve } from "../../csi/serve.ts"
import { Driver } from "../../driver/Driver.ts"
import type { DriverServices } from "../../driver/DriverServices.ts"
import { CertificateRequests } from "../../issuance/CertificateRequests.ts"
import { KeyGenerator } from "../../issuance/KeyGenerator.ts"
import { PodEvents } from "../../kube/PodEvents.ts"
import { Pods } from "../../kube/Pods.ts"
import { TrustBundles } from "../../kube/TrustBundles.ts"
import { Settings } from "../../Settings.ts"
import { Entropy } from "../../volume/Entropy.ts"
import { VolumeFS } from "../../volume/VolumeFS.ts"
import { VolumeRecords } from "../../volume/VolumeRecord.ts"
import type { Happening } from "../story/Happening.ts"
import { Dice } from "./Dice.ts"
import { Fence, fenced } from "./Fence.ts"
import { makeSimClock, type Skew } from "./SimClock.ts"
import { SimDoor } from "./SimDoor.ts"
import { SimMemory } from "./SimMemory.ts"

/**
 * The services of a node that certlet's programs use. A layer of some of them takes the place of the simulated ones.
 */
export type Edges = DriverServices

/** What a process is made of. */
export interface ProcessParts {
  readonly seed: string
  readonly incarnation: number
  readonly settings: Settings["Service"]
  /** Builds the node's edges for this process, behind its fence; what they leave running ends with the scope. */
  readonly edges: (fence: Fence) => Effect.Effect<Context.Context<Edges>, never, Scope.Scope>
  readonly driver: Layer.Layer<Driver, unknown, Edges>
  readonly skew: Skew
  readonly observe: (what: Happening) => void
  /** Runs something by the true clock, beyond this process. */
  readonly run: (effect: Effect.Effect<unknown>) => void
  /** The process has come to its end by itself. */
  readonly onDeath: () => void
}

/** A process of certlet. */
export class SimProcess {
  readonly fence: Fence
  readonly memory = new SimMemory()
  readonly #door: SimDoor
  readonly #parts: ProcessParts
  #driver: Driver["Service"] | undefined
  readonly #scope = Scope.makeUnsafe()

  constructor(parts: ProcessParts) {
    this.#parts = parts
    this.#door = new SimDoor(parts.settings.shutdownTimeout)
    this.fence = new Fence(Effect.sync(() => this.die()))
  }

  /** Starts; comes back when the process serves. */
  readonly start: Effect.Effect<void> = Effect.suspend(() => {
    const { driver, edges, observe, seed, settings, skew } = this.#parts
    observe({ _tag: "ProcessStarted", incarnation: this.#parts.incarnation })
    const services = Effect.map(edges(this.fence), (context) => this.#fence(context, settings))
    const kubelet = Layer.succeed(Kubelet, this.#door.kubelet)
    const known = Effect.map(Driver, (driver) => {
      this.#driver = driver
    })
    const process = Layer.effectDiscard(Effect.andThen(known, serve)).pipe(
      Layer.provide(Layer.provide(driver, Layer.effectContext(services))),
      Layer.provide(kubelet)
    )
    return Effect.gen({ self: this }, function* (this: SimProcess) {
      const exit = yield* Effect.exit(Layer.buildWithMemoMap(process, Layer.makeMemoMapUnsafe(), this.#scope))
      // A certlet that cannot start ends, and its DaemonSet starts the next one.
      if (Exit.isFailure(exit)) this.die()
    }).pipe(
      Effect.updateService(Clock.Clock, (time) => makeSimClock(time, skew, this.fence.thawed)),
      Effect.provideService(Random.Random, new Dice(`${seed}/life`).random),
      Effect.provideService(References.MinimumLogLevel, "Info"),
      Effect.provide(Logger.layer([this.#logger]))
    )
  })

  /** A call of the kubelet. An interrupted call is one that the kubelet cancels. */
  readonly call: SimDoor["call"] = (method) => this.#door.call(method)

  /** From now on a call that the kubelet cancels runs on, until `hear`. */
  readonly deafen = (): void => this.#door.deafen()

  /** The calls that were cancelled meanwhile hear of it. */
  readonly hear = (): void => this.#door.hear()

  /** A question of an operator's. */
  readonly ask = <A, E>(question: (driver: Driver["Service"]) => Effect.Effect<A, E>): Effect.Effect<A, E | Status> =>
    this.#door.call(() => Effect.suspend(() => (this.#driver === undefined ? Effect.never : question(this.#driver))))

  /** True once it has listened to its kubelet. */
  get hasServed(): boolean {
    return this.#door.hasServed
  }

  /** When a call with this patience has to be answered, by the node's own clock. */
  readonly deadline = (now: number, patience: Duration.Duration): number =>
    now + this.#parts.skew.millis + Duration.toMillis(patience)

  /** The orderly end; comes back when the process is gone. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.fence.alive) return Effect.void
    return Effect.andThen(
      Scope.close(this.#scope, Exit.void),
      Effect.sync(() => {
        if (!this.fence.alive) return
        this.#shut()
        this.#parts.observe({ _tag: "ProcessStopped", incarnation: this.#parts.incarnation })
      })
    )
  })

  /** A crash, now. */
  readonly die = (): void => {
    if (!this.fence.alive) return
    this.#shut()
    this.#parts.observe({ _tag: "ProcessKilled", incarnation: this.#parts.incarnation })
    this.#parts.run(Scope.close(this.#scope, Exit.void))
    this.#door.clear()
    this.#parts.onDeath()
  }

  #shut(): void {
    this.fence.shut()
    this.#door.slam()
    this.fence.thawed.openUnsafe()
  }

  readonly #logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    if (!this.fence.alive) return
    const annotations = JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))
    const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
    this.#parts.observe({ _tag: "Logged", level: logLevel, message: text, annotations })
  })

  #fence(context: Context.Context<Edges>, settings: Settings["Service"]): Context.Context<Edges> {
    const { pass, passStepwise } = this.fence
    return Context.make(CertificateRequests, fenced(Context.get(context, CertificateRequests), pass)).pipe(
      Context.add(PodEvents, fenced(Context.get(context, PodEvents), pass)),
      Context.add(Entropy, Context.get(context, Entropy)),
      Context.add(Pods, fenced(Context.get(context, Pods), pass)),
      Context.add(TrustBundles, fenced(Context.get(context, TrustBundles), pass)),
      Context.add(KeyGenerator, this.memory.keys(fenced(Context.get(context, KeyGenerator), pass))),
      Context.add(Settings, settings),
      Context.add(VolumeFS, this.memory.files(fenced(Context.get(context, VolumeFS), passStepwise))),
      Context.add(VolumeRecords, fenced(Context.get(context, VolumeRecords), passStepwise))
    )
  }
}
