import { describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Pods } from "../../src/kube/Pods.ts"
import { laws, PodScene } from "../../src/testing/contract/pods.ts"
import { makeSimApiServer } from "../../src/testing/parts/SimApiServer.ts"
import * as SimPods from "../../src/testing/parts/SimPods.ts"
import { podsLayer } from "../kube/LiveCluster.ts"

const node = Layer.effectContext(
  Effect.gen(function* () {
    const server = yield* makeSimApiServer("pods")
    const { remove, set } = SimPods.makeSimPodRegistry(server)
    const drop = server.dropWatches(() => true, "cut")
    const scene = PodScene.of({
      set,
      remove,
      cut: Effect.andThen(drop, TestClock.adjust("1 second")),
      watching: TestClock.adjust(0)
    })
    const pods = yield* SimPods.makeSimPods(server, { node: "node-1", cut: false })
    return Context.make(Pods, pods).pipe(Context.add(PodScene, scene))
  })
)

describe("the simulated Pods", () => {
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, Layer.fresh(node)))
})

describe("the live Pods", () => {
  const node = Layer.provideMerge(podsLayer, Logger.layer([]))
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, Layer.fresh(node)), 20_000)
})
