/** Calls to a node's disk that hang, and what the kubelet and certlet do meanwhile. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Cluster, SimCluster } from "../../../src/testing/index.ts"

/** How many lines of the trace say so. */
const count = (cluster: Cluster, sentence: RegExp) => cluster.trace.lines().filter((line) => sentence.test(line)).length

describe("a call to the disk that hangs", () => {
  it.effect.each(["before", "after"] as const)("keeps its publish, %s it is done, and no other pod's", (when) =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "hang" })
      yield* cluster.disk("node-1").hang({ call: 1, when }, "10 minutes")
      const stuck = yield* cluster.schedule({ name: "stuck", node: "node-1" })
      yield* cluster.advance("1 second")
      const lucky = yield* cluster.schedule({ name: "lucky", node: "node-1" })
      yield* cluster.advance("9 minutes")
      expect([stuck.phase, lucky.phase]).toEqual(["pending", "running"])
      expect(count(cluster, /stuck.*DEADLINE_EXCEEDED/)).toBeGreaterThan(1)
      yield* cluster.advance("5 minutes")
      expect(stuck.phase).toBe("running")
    }).pipe(Effect.scoped)
  )

  it.effect("is one of the kind that was named", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "hang" })
      yield* cluster.disk("node-1").hang({ call: 1, of: "unmount", when: "before" }, "10 minutes")
      const pod = yield* cluster.schedule({ node: "node-1" })
      yield* cluster.advance("1 minute")
      expect(pod.phase).toBe("running")
      yield* cluster.delete(pod)
      yield* cluster.advance("9 minutes")
      expect(pod.phase).toBe("ending")
      yield* cluster.advance("5 minutes")
      expect(pod.phase).toBe("gone")
    }).pipe(Effect.scoped)
  )

  it.effect("hangs no longer than the faults last", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "hang" })
      yield* cluster.disk("node-1").hang({ call: 1, when: "before" }, "30 days")
      const pod = yield* cluster.schedule({ node: "node-1" })
      yield* cluster.advance("1 day")
      expect(pod.phase).toBe("pending")
      yield* cluster.settle()
      expect(pod.phase).toBe("running")
    }).pipe(Effect.scoped)
  )
})
