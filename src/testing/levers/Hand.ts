/**
 * What a controller of the user's own holds: how it waits on the cluster's clock. A controller runs for as long as the
 * cluster lives, and is level-triggered: it looks at how things are, and never counts events. What it fails with ends
 * the stretch of time that is passing.
 */
import { Cause, type Duration, Effect } from "effect"
import type { World } from "../judges/Invariants.ts"
import type { ClusterParts } from "../parts/ClusterParts.ts"
import { timeOf } from "./misuse.ts"

/** How a controller waits. */
export interface Hand {
  /** Waits until so much simulated time has passed. */
  readonly sleep: (time: Duration.Input) => Effect.Effect<void>
  /**
   * Waits until `look` finds something, and answers with it. It looks at once, and again whenever something has
   * happened in the cluster; `undefined` and `false` are nothing.
   */
  readonly watch: <A>(look: (world: World) => A | undefined | false) => Effect.Effect<A>
}

/** A controller: what it does with its hand. */
export type Controller = (hand: Hand) => Effect.Effect<unknown, unknown>

/** The hand for a cluster's controllers. */
const makeHand = ({ trace, world }: ClusterParts): Hand => {
  let waiting: Array<() => void> = []
  trace.listen(() => {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  })
  const happening = Effect.callback<void>((resume) => void waiting.push(() => resume(Effect.void)))
  const watch = <A>(look: (world: World) => A | undefined | false): Effect.Effect<A> =>
    Effect.suspend(() => {
      const found = look(world)
      if (found !== undefined && found !== false) return Effect.succeed(found)
      // An event is told while it happens: whoever looks then would see half of it.
      return Effect.andThen(Effect.andThen(happening, Effect.yieldNow), watch(look))
    })
  return { sleep: (time) => Effect.suspend(() => Effect.sleep(timeOf(time))), watch }
}

/** How controllers are run in a cluster. */
export const controllersOf = (parts: ClusterParts): ((controller: Controller) => Effect.Effect<void>) => {
  const hand = makeHand(parts)
  const ended = (cause: Cause.Cause<unknown>) =>
    Effect.sync(() => {
      if (!Cause.hasInterruptsOnly(cause)) parts.court.stop(Cause.die(Cause.squash(cause)))
    })
  return (controller) =>
    Effect.sync(
      () =>
        void parts.run(
          Effect.catchCause(
            Effect.suspend(() => controller(hand)),
            ended
          )
        )
    )
}
