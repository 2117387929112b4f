import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/Settings.ts"
import { laws, PodScene } from "../../src/testing/contract/pods.ts"
import * as SimControlPlane from "../../src/testing/parts/SimControlPlane.ts"
import { SimPodRegistry } from "../../src/testing/parts/SimPodRegistry.ts"
import { settings } from "../kit/settings.ts"
import { podsLayer } from "../kube/LiveCluster.ts"

const scene = Layer.effect(
  PodScene,
  Effect.gen(function* () {
    const { remove, set } = yield* SimPodRegistry
    const { disturb } = yield* SimControlPlane.SimControlPlane
    return PodScene.of({
      set,
      remove,
      cut: Effect.andThen(disturb, TestClock.adjust("1 second")),
      watching: TestClock.adjust(0)
    })
  })
)

describe("the simulated Pods", () => {
  const node = Layer.provideMerge(scene, Layer.provide(SimControlPlane.layer, Layer.succeed(Settings, settings)))
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

describe("the live Pods", () => {
  const node = Layer.provideMerge(podsLayer, Logger.layer([]))
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, Layer.fresh(node)), 20_000)
})
