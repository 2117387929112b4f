import { SimCluster } from "certlet/testing"
import { Effect } from "effect"
import { expect, it } from "vitest"

const story = Effect.gen(function* () {
  const cluster = yield* SimCluster.make({ seed: 42, nodes: 3 })
  const pod = yield* cluster.schedule({ duration: "1 hour", dnsNames: ["web.apps.svc"] })
  yield* cluster.issuer.stall("10 minutes")
  yield* cluster.kill("node-1")
  yield* cluster.advance("3 hours")
  const { certificate, chains, matchesKey } = yield* cluster.exec(pod)
  expect([certificate.names, chains, matchesKey]).toEqual([["DNS:web.apps.svc"], true, true])
})
it("serves a pod for three hours, through an outage and a crash", () => Effect.runPromise(Effect.scoped(story)))
