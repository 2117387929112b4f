import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { laws, PodScene } from "../../src/testing/contract/pods.ts"
import * as SimPods from "../../src/testing/SimPods.ts"
import { podsLayer } from "../kube/LiveCluster.ts"

const simScene = Layer.effect(
  PodScene,
  Effect.gen(function* () {
    const { remove, set } = yield* SimPods.SimPodRegistry
    return PodScene.of({ set, remove, cut: Effect.void, watching: Effect.void })
  })
)

describe("the simulated Pods", () => {
  const node = Layer.provideMerge(simScene, SimPods.layer)
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

describe("the live Pods", () => {
  const node = Layer.provideMerge(podsLayer, Logger.layer([]))
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, Layer.fresh(node)), 20_000)
})
