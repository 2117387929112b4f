import { describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { TrustBundles } from "../../src/kube/TrustBundles.ts"
import { BundleScene, laws } from "../../src/testing/contract/trustBundles.ts"
import { makeSimApiServer } from "../../src/testing/parts/SimApiServer.ts"
import * as SimTrustBundles from "../../src/testing/parts/SimTrustBundles.ts"
import { bundlesLayer } from "../kube/LiveCluster.ts"

const node = Layer.effectContext(
  Effect.gen(function* () {
    const server = yield* makeSimApiServer("bundles")
    const drop = server.dropWatches(() => true, "cut")
    const scene = BundleScene.of({
      ...SimTrustBundles.bundlesIn(server),
      cut: Effect.andThen(drop, TestClock.adjust("1 second")),
      watching: () => TestClock.adjust(0)
    })
    const bundles = yield* SimTrustBundles.makeSimTrustBundles(server, { node: "node-1", cut: false })
    return Context.make(TrustBundles, bundles).pipe(Context.add(BundleScene, scene))
  })
)

describe("the simulated TrustBundles", () => {
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

describe("the live TrustBundles", () => {
  const node = Layer.provideMerge(bundlesLayer, Logger.layer([]))
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, Layer.fresh(node)), 20_000)
})
