import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/Settings.ts"
import { BundleScene, laws } from "../../src/testing/contract/trustBundles.ts"
import { SimBundleShelf } from "../../src/testing/parts/SimBundleShelf.ts"
import * as SimControlPlane from "../../src/testing/parts/SimControlPlane.ts"
import { settings } from "../kit/settings.ts"
import { bundlesLayer } from "../kube/LiveCluster.ts"

const scene = Layer.effect(
  BundleScene,
  Effect.gen(function* () {
    const { remove, write } = yield* SimBundleShelf
    const { disturb } = yield* SimControlPlane.SimControlPlane
    return BundleScene.of({
      write,
      remove,
      cut: Effect.andThen(disturb, TestClock.adjust("1 second")),
      watching: () => TestClock.adjust(0)
    })
  })
)

describe("the simulated TrustBundles", () => {
  const node = Layer.provideMerge(scene, Layer.provide(SimControlPlane.layer, Layer.succeed(Settings, settings)))
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

describe("the live TrustBundles", () => {
  const node = Layer.provideMerge(bundlesLayer, Logger.layer([]))
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, Layer.fresh(node)), 20_000)
})
