/** What somebody can get wrong with a simulated cluster, and the sentence that says so at the door. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { type Cluster, Misuse, SimCluster, type SimPod } from "../../../src/testing/index.ts"

const wrong: ReadonlyArray<
  readonly [sentence: string, call: (cluster: Cluster, pod: SimPod) => Effect.Effect<unknown, unknown>]
> = [
  ["there is no node node-9; there are node-1, node-2", (cluster) => cluster.schedule({ node: "node-9" })],
  ["there is no node node-9; there are node-1, node-2", (cluster) => cluster.kill("node-9")],
  ["there is no node node-9; there are node-1, node-2", (cluster) => cluster.disk("node-9").tear()],
  ["there is a pod apps/web already; give the other one another name", (cluster) => cluster.schedule({ name: "web" })],
  [
    "how much the API server throttles is a share from 0 (none) to 1 (all), and not 50",
    (cluster) => cluster.api.throttle(50, "1 hour")
  ],
  ["which request is a share from 0 (none) to 1 (all), and not -1", (cluster) => cluster.api.deleteRequest(-1)],
  [
    "apps/stranger is no pod of this cluster; there are apps/web",
    (cluster, pod) => cluster.delete({ ...pod, uid: "0", name: "stranger" })
  ],
  ["apps/web has no volume on node-2; it runs on node-1", (cluster, pod) => cluster.disk("node-2").clean(pod)],
  // A live edge: what a caller without a compiler would write.
  ['5 parsecs is no length of time; write "20 minutes"', (cluster) => cluster.advance("5 parsecs" as "5 days")],
  ['-5 minutes is no length of time; write "20 minutes"', (cluster) => cluster.issuer.stall("-5 minutes")],
  ["calls count from 1, and none is number 0", (cluster) => cluster.kill("node-1", { at: { call: 0, when: "after" } })],
  ["a trust bundle must be ConfigMap/NAME", (cluster) => cluster.bundle("roots").rotate()]
]

describe("a cluster that is asked for what makes no sense", () => {
  it.live.each(wrong)("says: %s", ([sentence, call]) =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "misuse", nodes: 2 })
      const pod = yield* cluster.schedule({ name: "web", node: "node-1" })
      const exit = yield* Effect.exit(Effect.suspend(() => call(cluster, pod)))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(error).toBeInstanceOf(Misuse)
      expect(String(error)).toContain(sentence)
    }).pipe(Effect.scoped)
  )

  it.live("says that a deleted pod is gone", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "gone" })
      const pod = yield* cluster.schedule({ name: "web" })
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      expect((yield* Effect.flip(cluster.exec(pod))).message).toContain("the pod is gone")
      const exit = yield* Effect.exit(cluster.delete(pod))
      expect(String(Exit.isFailure(exit) ? Cause.squash(exit.cause) : "")).toContain("apps/web is gone; there are none")
    }).pipe(Effect.scoped)
  )

  it.live("wants a node at least", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(SimCluster.make({ nodes: 0 })))
      expect(String(Exit.isFailure(exit) ? Cause.squash(exit.cause) : "")).toContain("a cluster has one node at least")
    })
  )
})
