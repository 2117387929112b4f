/** Pods that ran before certlet came: how their volumes are looked at, left alone and judged. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { simulated } from "../../src/testing/index.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { onPrograms } from "../simulation/mutants/Mutant.ts"

describe("a pod that ran before certlet came", () => {
  it("keeps what another driver has mounted until it goes, and its next pod is certlet's", async () => {
    await using cluster = await simulated({ seed: "inherited" })
    const pod = await cluster.schedule({ name: "web", duration: "1 hour", inherited: true })
    expect(pod.phase).toBe("running")
    await cluster.advance("3 hours")
    expect((await cluster.status(pod)).state).toBe("Inherited")
    expect(cluster.world.server.api.stores.requests.all()).toEqual([])
    expect((await cluster.events(pod)).map(({ reason }) => reason)).toEqual(["VolumeInherited"])
    await cluster.delete(pod)
    await cluster.settle()
    expect([pod.phase, cluster.node("node-1").disk.inherited.size]).toEqual(["gone", 0])
    const next = await cluster.schedule({ name: "web", duration: "1 hour" })
    await cluster.advance("1 minute")
    expect((await cluster.exec(next)).certificate.names).toEqual(["DNS:web.apps.svc"])
  })

  // Found by seed 705253: the kubelet did not know of a volume that the driver before certlet had mounted.
  it("is unpublished when it goes before certlet has ever answered about it", async () => {
    await using cluster = await simulated({ seed: "before" })
    await cluster.kill("node-1", { downtime: "10 minutes" })
    const pod = await cluster.schedule({ inherited: true })
    await cluster.advance("2 minutes")
    await cluster.delete(pod)
    await cluster.settle()
    expect([pod.phase, cluster.node("node-1").disk.inherited.size]).toEqual(["gone", 0])
  })

  it("gets a volume of certlet's when a stranger unmounts the other driver's, and when its node reboots", async () => {
    await using cluster = await simulated({ seed: "lost", nodes: 2 })
    const cleaned = await cluster.schedule({ node: "node-1", inherited: true })
    const rebooted = await cluster.schedule({ node: "node-2", inherited: true })
    await cluster.advance("5 minutes")
    await cluster.disk("node-1").clean(cleaned)
    await cluster.reboot("node-2", "1 minute")
    await cluster.settle()
    for (const { state } of [await cluster.status(cleaned), await cluster.status(rebooted)]) expect(state).toBe("Ready")
  })

  it("is not unmounted below its container", async () => {
    const { layers } = onPrograms("a publish takes away what another driver has mounted", (driver, edges) => ({
      ...driver,
      publish: (call) =>
        Effect.tap(driver.publish(call), () => Effect.ignore(Context.get(edges, VolumeFS).release(call.target)))
    }))
    await using cluster = await simulated({ seed: "released", layers })
    await cluster.schedule({ inherited: true })
    await expect(cluster.advance("1 minute")).rejects.toThrow(/is unmounted, and its container holds it/)
  })
})
