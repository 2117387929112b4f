// Plain JavaScript under node:test: a controller of one's own on the cluster's clock, which replaces a pod every hour.
import assert from "node:assert/strict"
import { test } from "node:test"
import { Misuse, simulated } from "certlet/testing"

test("a pod that is replaced every hour is served again each time", async () => {
  await using cluster = await simulated({ seed: 7, nodes: 2 })
  const served = []
  await cluster.run(async ({ sleep, watch }) => {
    for (let generation = 1; ; generation++) {
      const pod = await cluster.schedule({ name: `web-${generation}`, duration: "2 hours" })
      await watch(() => pod.phase === "running")
      served.push((await cluster.exec(pod)).certificate.names[0])
      await sleep("1 hour")
      await cluster.delete(pod)
    }
  })
  await cluster.api.down("20 minutes")
  await cluster.advance("3 hours")
  await cluster.settle()
  assert.deepEqual(served.slice(0, 3), ["DNS:web-1.apps.svc", "DNS:web-2.apps.svc", "DNS:web-3.apps.svc"])
})

test("what makes no sense is said at once, with the nearest name", async () => {
  await using cluster = await simulated({ seed: 7 })
  await assert.rejects(cluster.advance("1 month"), Misuse)
  await assert.rejects(cluster.schedule({ durration: "1 hour" }), /durration.*duration/)
  await assert.rejects(simulated({ node: 3 }), /node.*nodes/)
})
