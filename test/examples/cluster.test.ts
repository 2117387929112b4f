// With node:test: a cluster in this process for an integration test, and trouble on demand.
import assert from "node:assert/strict"
import { test } from "node:test"
import { cluster } from "certlet/cluster"

test("a cluster serves whoever has its kubeconfig, and fails when it is told to", async () => {
  await using api = await cluster()
  const { clusters } = JSON.parse(api.kubeconfig())
  assert.equal(clusters[0].cluster.server, api.url)
  const metadata = { name: "web", namespace: "apps" }
  api.stores.pods.put({ apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [] } })
  assert.equal(api.stores.pods.get("apps", "web")?.metadata.name, "web")
  await api.pause()
  await api.reopen()
  await assert.rejects(api.approve({ namespace: "apps", name: "nobody" }), /NoSuchRequest/)
})
