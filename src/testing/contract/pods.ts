/**
 * The laws of `Pods`, as programs. They run on the simulated pods and on the live ones. The scene is the API server's
 * side: a pod appears, changes and goes, and the connection to it breaks.
 */
import { Context, Effect, Fiber, Option } from "effect"
import { type PodReference, Pods } from "../../kube/Pods.ts"
import type { PodState } from "../../spec/PodState.ts"
import { holds, type Law, same } from "./Law.ts"

/** What the laws need besides the service. */
export class PodScene extends Context.Service<
  PodScene,
  {
    /** Makes a pod of this node, or changes it. */
    readonly set: (pod: PodReference, change: Partial<PodState>) => Effect.Effect<void>
    readonly remove: (pod: PodReference) => Effect.Effect<void>
    /** Breaks whatever connection there is. */
    readonly cut: Effect.Effect<void>
    /** Waits until a change that was made now would be seen. */
    readonly watching: Effect.Effect<void>
  }
>()("certlet/testing/PodScene") {}

type PodLaw = Law<never, Pods | PodScene>

const pod: PodReference = { namespace: "shop", name: "web-0", uid: "uid-1" }

const address = (state: PodState) => Option.fromUndefinedOr(state.ips[0])

/** A fiber that waits, and is known to be heard. */
const waitFor = Effect.fnUntraced(function* <A>(reference: PodReference, fits: (state: PodState) => Option.Option<A>) {
  const pods = yield* Pods
  const scene = yield* PodScene
  const fiber = yield* Effect.forkChild(pods.await(reference, fits), { startImmediately: true })
  yield* scene.watching
  return fiber
})

/** Every law, in the order of the contract. */
export const laws: ReadonlyArray<PodLaw> = [
  {
    law: "await returns as soon as the pod fits, whether it did so before",
    program: Effect.gen(function* () {
      const pods = yield* Pods
      const scene = yield* PodScene
      yield* scene.set(pod, { ips: ["10.0.0.7", "fd00::7"], labels: { app: "web" } })
      const found = yield* pods.await(pod, (state) => (state.ips.length > 0 ? Option.some(state) : Option.none()))
      yield* same(`${found.ips} ${found.labels.app}`, "10.0.0.7,fd00::7 web", "the pod's state")
    })
  },
  {
    law: "or comes to it later, and what it hands over is how the pod was then",
    program: Effect.gen(function* () {
      const scene = yield* PodScene
      yield* scene.set(pod, {})
      const waiting = yield* waitFor(pod, (state) =>
        state.conditions.Ready === "True"
          ? Option.some(`${state.ips} ${state.annotations["example.com/a"]}`)
          : Option.none()
      )
      yield* scene.set(pod, { ips: ["10.0.0.7"] })
      yield* scene.set(pod, { annotations: { "example.com/a": "b" } })
      yield* scene.set(pod, { conditions: { Ready: "True" } })
      yield* same(yield* Fiber.join(waiting), "10.0.0.7 b", "what was handed over")
    })
  },
  {
    law: "it waits for a pod that is not there yet, and never takes another pod of that name for it",
    program: Effect.gen(function* () {
      const scene = yield* PodScene
      const before = { ...pod, uid: "uid-0" }
      yield* scene.set(before, { ips: ["10.0.0.1"] })
      const waiting = yield* waitFor(pod, address)
      yield* scene.remove(before)
      yield* scene.set(pod, { ips: ["10.0.0.2"] })
      yield* same(yield* Fiber.join(waiting), "10.0.0.2", "the address")
    })
  },
  {
    law: "it never fails because the connection did",
    program: Effect.gen(function* () {
      const scene = yield* PodScene
      yield* scene.set(pod, {})
      const waiting = yield* waitFor(pod, address)
      yield* scene.cut
      yield* scene.set(pod, { ips: ["10.0.0.3"] })
      yield* same(yield* Fiber.join(waiting), "10.0.0.3", "the address")
    })
  },
  {
    law: "an interrupted wait leaves nothing behind",
    program: Effect.gen(function* () {
      const pods = yield* Pods
      const scene = yield* PodScene
      let looked = 0
      const count = () => {
        looked += 1
        return Option.none()
      }
      const doomed = yield* waitFor(pod, count)
      yield* Fiber.interrupt(doomed)
      const before = looked
      yield* scene.set(pod, { ips: ["10.0.0.4"] })
      yield* pods.await(pod, address)
      yield* holds(looked === before, "a wait that was interrupted still looks at pods")
    })
  },
  {
    law: "the state is the one that was seen last",
    program: Effect.gen(function* () {
      const pods = yield* Pods
      const scene = yield* PodScene
      yield* scene.set(pod, { ips: ["10.0.0.5"] })
      const waiting = yield* waitFor(pod, ({ labels }) => Option.fromUndefinedOr(labels.never))
      yield* pods.await(pod, address)
      const state = yield* pods.state(pod)
      yield* same(Option.match(state, { onNone: () => "", onSome: ({ ips }) => ips.join() }), "10.0.0.5", "the address")
      const other = yield* pods.state({ ...pod, uid: "uid-9" })
      yield* holds(Option.isNone(other), "a pod that nobody has seen has a state")
      yield* Fiber.interrupt(waiting)
    })
  },
  {
    law: "present is what the API server has at that moment, static pods by their own uids too",
    program: Effect.gen(function* () {
      const pods = yield* Pods
      const scene = yield* PodScene
      const listed = Effect.orDie(Effect.map(pods.present, (uids) => [...uids].sort().join()))
      yield* same(yield* listed, "", "the pods of an empty node")
      yield* scene.set(pod, {})
      const fixed = { ...pod, name: "static", uid: "uid-mirror" }
      yield* scene.set(fixed, { annotations: { "kubernetes.io/config.mirror": "uid-static" } })
      yield* same(yield* listed, "uid-1,uid-mirror,uid-static", "the pods")
      yield* scene.remove(pod)
      yield* same(yield* listed, "uid-mirror,uid-static", "the pods that are left")
    })
  }
]
