import { simulated } from "certlet/testing"
import { expect, it } from "vitest"

it("serves a pod for three hours, through an outage and a crash", async () => {
  await using cluster = await simulated({ seed: 42, nodes: 3 })
  const pod = await cluster.schedule({ duration: "1 hour", dnsNames: ["web.apps.svc"] })
  await cluster.issuer.stall("10 minutes")
  await cluster.kill("node-1")
  await cluster.advance("3 hours")
  const { certificate, chains, matchesKey } = await cluster.exec(pod)
  expect([certificate.names, chains, matchesKey]).toEqual([["DNS:web.apps.svc"], true, true])
})
