// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how pods write variables
/**
 * What certlet follows in a simulated cluster, its pods and its trust bundles, stands behind the same API server as its
 * requests: it is seen late, not at all while the server is away or a node is cut off, and by a new list once history
 * is forgotten.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Faults } from "../../../src/testing/levers/Faults.ts"
import { SimCluster } from "../../../src/testing/SimCluster.ts"

const gated = {
  attributes: {
    "csi.cert-manager.io/continue-on-not-ready": "true",
    "csi.cert-manager.io/pod-readiness-gate": "pod-annotation:example.com/admitted"
  }
}
const admitted = { annotations: { "example.com/admitted": "yes" } }
const named = { labels: { team: "red" }, dnsNames: ["${POD_NAME}.${POD_LABEL:team}"] }
const blue = { labels: { team: "blue" } }
const trusting = { attributes: { "csi.cert-manager.io/trust-bundle": "ConfigMap/roots" } }

describe("what certlet follows", () => {
  it.live("is seen late: a gate's opening takes its time to reach the node", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "late", faults: Faults.of({ watchLatencyMillis: 150_000 }) })
      yield* cluster.advance("1 minute")
      const pod = yield* cluster.schedule(gated)
      yield* cluster.advance("1 minute")
      yield* cluster.change(pod, admitted)
      yield* cluster.advance("10 seconds")
      expect(cluster.world.server.api.stores.requests.all()).toEqual([])
      yield* cluster.advance("4 hours")
      expect((yield* cluster.exec(pod)).matchesKey).toBe(true)
    }).pipe(Effect.scoped)
  )

  it.live("is not seen while the API server is away, and is once it is back", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "away" })
      const pod = yield* cluster.schedule(gated)
      yield* cluster.advance("1 minute")
      yield* cluster.api.down("1 hour")
      yield* cluster.change(pod, admitted)
      yield* cluster.advance("59 minutes")
      expect(cluster.world.server.api.stores.requests.all()).toEqual([])
      expect(cluster.trace.lines(2000).join("\n")).toContain("watch Pods")
      yield* cluster.advance("5 minutes")
      expect((yield* cluster.exec(pod)).matchesKey).toBe(true)
    }).pipe(Effect.scoped)
  )

  it.live("is not seen on a node that is cut off, and is on the others", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "cut off", nodes: 2 })
      const [far, near] = [
        yield* cluster.schedule({ ...named, node: "node-1" }),
        yield* cluster.schedule({ ...named, node: "node-2" })
      ]
      yield* cluster.advance("1 minute")
      yield* cluster.cut("node-1", "1 hour")
      yield* cluster.change(far, blue)
      yield* cluster.change(near, blue)
      yield* cluster.advance("30 minutes")
      expect((yield* cluster.exec(far)).certificate.names).toEqual([`DNS:${far.name}.red`])
      expect((yield* cluster.exec(near)).certificate.names).toEqual([`DNS:${near.name}.blue`])
      yield* cluster.advance("40 minutes")
      expect((yield* cluster.exec(far)).certificate.names).toEqual([`DNS:${far.name}.blue`])
    }).pipe(Effect.scoped)
  )

  it.live("is listed again where history is forgotten: a bundle that was rotated meanwhile is in place", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "forgotten" })
      const roots = cluster.bundle("ConfigMap/roots")
      yield* roots.rotate()
      const pod = yield* cluster.schedule(trusting)
      yield* cluster.advance("1 minute")
      const before = (yield* cluster.exec(pod)).files.get("ca.crt")?.text
      yield* cluster.api.down("10 minutes")
      yield* roots.rotate()
      yield* cluster.api.expire()
      yield* cluster.advance("9 minutes")
      expect((yield* cluster.exec(pod)).files.get("ca.crt")?.text).toBe(before)
      yield* cluster.advance("5 minutes")
      expect((yield* cluster.exec(pod)).files.get("ca.crt")?.text).not.toBe(before)
      expect(cluster.trace.lines(2000).join("\n")).toMatch(/watch ConfigMaps.*Gone/)
    }).pipe(Effect.scoped)
  )

  it.live("is missed by a pod's owner in words that name the API server, where certlet may not look", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "forbidden" })
      yield* cluster.api.forbid("10 minutes", "pods")
      const pod = yield* cluster.schedule(gated)
      yield* cluster.change(pod, admitted)
      yield* cluster.advance("5 minutes")
      expect(cluster.trace.lines(2000).join("\n")).toContain("for the pod to be seen at the API server")
      yield* cluster.advance("10 minutes")
      expect((yield* cluster.exec(pod)).matchesKey).toBe(true)
    }).pipe(Effect.scoped)
  )

  it.live("tells pods' owners nothing while the API server is away", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "nobody told" })
      const pod = yield* cluster.schedule()
      yield* cluster.advance("1 minute")
      const told = () => cluster.trace.lines(2000).filter((line) => line.includes("Event VolumeMountLost"))
      yield* cluster.api.down("1 hour")
      yield* cluster.disk("node-1").clean(pod)
      yield* cluster.advance("50 minutes")
      expect(cluster.trace.lines(2000).join("\n")).toMatch(/create an Event.*Unavailable/)
      expect(told()).toEqual([])
      const other = yield* cluster.schedule()
      yield* cluster.advance("15 minutes")
      yield* cluster.disk("node-1").clean(other)
      yield* cluster.advance("5 minutes")
      expect(told()).toHaveLength(1)
    }).pipe(Effect.scoped)
  )

  it.live("leaves no watch behind once no pod of the node needs it", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "no watch" })
      const { server } = cluster.world
      const pod = yield* cluster.schedule(named)
      yield* cluster.advance("1 minute")
      expect(server.watches.openOn("pods")).toBe(1)
      yield* cluster.delete(pod)
      yield* cluster.advance("5 minutes")
      expect(server.watches.openOn("pods")).toBe(0)
    }).pipe(Effect.scoped)
  )
})
