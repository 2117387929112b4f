/**
 * A simulated cluster for everybody: `await using cluster = await simulated({ seed: 42, nodes: 3 })`. It has the verbs
 * of `SimCluster`, as promises, under any test runner and in plain JavaScript. A verb runs to its end before its
 * promise is resolved, and time passes in `advance` and `settle` alone. A controller of one's own runs on the cluster's
 * clock with `run`.
 */
import { Deferred, type Duration, Effect, Exit, Predicate, Scope } from "effect"
import { type PromisedVerbs, promised } from "../embedded/promised.ts"
import type { Cluster } from "./Cluster.ts"
import type { World } from "./judges/Invariants.ts"
import { Calls, type Player } from "./levers/Calls.ts"
import type { Controller } from "./levers/Hand.ts"
import { Misuse } from "./levers/misuse.ts"
import { type ClusterOptions, SimCluster } from "./SimCluster.ts"

/** How a controller waits. */
export interface PromisedHand {
  /** Waits until so much simulated time has passed. */
  readonly sleep: (time: Duration.Input) => Promise<void>
  /**
   * Waits until `look` finds something, and resolves with it. It looks at once, and again whenever something has
   * happened in the cluster; `undefined` and `false` are nothing.
   */
  readonly watch: <A>(look: (world: World) => A | undefined | false) => Promise<A>
}

/** What a cluster with promises has of its own. */
interface OwnVerbs {
  /**
   * Runs a controller of your own on the cluster's clock, for as long as the cluster lives. It may wait for `sleep`,
   * `watch` and the cluster's verbs, and for nothing else. What it throws rejects the verb that lets time pass.
   */
  readonly run: (controller: (hand: PromisedHand) => unknown) => Effect.Effect<void>
  /** Ends the cluster. */
  readonly [Symbol.asyncDispose]: () => Effect.Effect<void>
}

/** A running cluster, with promises. */
export interface SimulatedCluster extends PromisedVerbs<Omit<Cluster, keyof OwnVerbs> & OwnVerbs> {}

const strayed = "a controller waits for something that is not of the cluster, and no simulated time would pass for that"
const instead = "use `sleep`, `watch` and the cluster's verbs"

/** A function of promises as a controller: it runs in turns, and the clock waits for their ends. */
const controllerOf =
  (calls: Calls, controller: (hand: PromisedHand) => unknown): Controller =>
  ({ sleep, watch }) => {
    const end = Deferred.makeUnsafe<void>()
    const finish = (how: Effect.Effect<void>) => {
      player.ended = true
      Deferred.doneUnsafe(end, how)
    }
    const player: Player = {
      waits: 0,
      ended: false,
      strayed: () => finish(Effect.die(new Misuse(`${strayed}: ${instead}`)))
    }
    const hand: PromisedHand = {
      sleep: (time) => calls.callOfController(sleep(time)),
      watch: (look) => calls.callOfController(watch(look))
    }
    const begin = () =>
      void new Promise((resolve) => resolve(controller(hand))).then(
        () => finish(Effect.void),
        (error) => finish(Effect.die(error))
      )
    return Effect.andThen(calls.turn(player, begin), Deferred.await(end))
  }

/** An error of certlet's tells the seed, which a test may never have seen. */
const toldOf = (error: Error, seed: string): string | undefined => {
  if (error instanceof Misuse) return error.message
  if (!Predicate.hasProperty(error, "_tag")) return undefined
  return error.message.includes("the seed is ") ? error.message : `${error.message}\nthe seed is ${seed}`
}

/** Opens a cluster; the promise is rejected where an option makes no sense. */
export const simulated = (options: ClusterOptions = {}): Promise<SimulatedCluster> => {
  const calls = new Calls()
  const open = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const cluster = yield* Scope.provide(SimCluster.make(options), scope)
    const own: OwnVerbs = {
      run: (controller) => cluster.run(controllerOf(calls, controller)),
      [Symbol.asyncDispose]: () => Scope.close(scope, Exit.void)
    }
    return promised({ call: calls.call, told: (error) => toldOf(error, cluster.seed) }, cluster, own)
  })
  return calls.call(calls.withMotion(open))
}
