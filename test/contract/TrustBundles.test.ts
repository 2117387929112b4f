import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { BundleScene, laws } from "../../src/testing/contract/trustBundles.ts"
import * as SimTrustBundles from "../../src/testing/SimTrustBundles.ts"
import { bundlesLayer } from "../kube/LiveCluster.ts"

const simScene = Layer.effect(
  BundleScene,
  Effect.gen(function* () {
    const { remove, write } = yield* SimTrustBundles.SimBundleShelf
    return BundleScene.of({ write, remove, cut: Effect.void, watching: () => Effect.void })
  })
)

describe("the simulated TrustBundles", () => {
  const node = Layer.provideMerge(simScene, SimTrustBundles.layer)
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

describe("the live TrustBundles", () => {
  const node = Layer.provideMerge(bundlesLayer, Logger.layer([]))
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, Layer.fresh(node)), 20_000)
})
