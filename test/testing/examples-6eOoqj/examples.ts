import assert from "node:assert/strict"
import { DateTime, Duration, Effect } from "effect"
import type { Cluster, SimPod } from "../../../src/testing/index.ts"
export const inScope = { DateTime, Duration }
export const examples = [
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  const web = yield* cluster.schedule({ name: "web", node: "node-2", duration: "2 hours", issuer: "ca" })
  yield* cluster.advance("1 minute")
  assert.deepEqual((yield* cluster.exec(web)).certificate.names, ["DNS:web.apps.svc"])
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.delete(pod)
  yield* cluster.advance("1 minute")
  assert.equal(pod.phase, "gone")
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  const { certificate, chains, files, matchesKey } = yield* cluster.exec(pod)
  assert.equal(chains && matchesKey, true)
  assert.equal(files.get("tls.key")?.mode, 0o440)
  assert.deepEqual(certificate.names, ["DNS:pod-1.apps.svc"])
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  const before = yield* cluster.exec(pod)
  yield* cluster.advance("1 hour")
  assert.notEqual((yield* cluster.exec(pod)).certificate.serialNumber, before.certificate.serialNumber)
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.stop("node-1", { downtime: "10 minutes" })
  yield* cluster.advance("1 hour")
  yield* cluster.exec(pod)
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.kill("node-1", { at: { call: 3, when: "after" } })
  yield* cluster.advance("6 hours")
  assert.equal((yield* cluster.exec(pod)).matchesKey, true)
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.freeze("node-2", "10 minutes")
  const waiting = yield* cluster.schedule({ node: "node-2" })
  yield* cluster.advance("9 minutes")
  assert.equal(waiting.phase, "pending")
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.cut("node-1", "15 minutes")
  yield* cluster.advance("1 hour")
  yield* cluster.exec(pod)
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.restartKubelet("node-1", "5 minutes")
  yield* cluster.advance("6 minutes")
  assert.equal(pod.phase, "running")
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.reboot("node-1", "3 minutes")
  assert.equal(pod.phase, "pending")
  yield* cluster.settle
  assert.equal(pod.phase, "running")
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.change(pod, { labels: { team: "blue" } })
  assert.deepEqual(cluster.world.stateOf(pod).labels, { team: "blue" })
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.api.down("1 day")
  yield* cluster.advance("4 hours")
  yield* cluster.settle
  yield* cluster.exec(pod)
  yield* cluster.check
}),
(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {
assert.equal(pod.phase, 'running')
  yield* cluster.kill("node-1")
  yield* cluster.advance("1 day")
  yield* cluster.check
  yield* cluster.check
}),
]
