/** Nodes of a simulated cluster that join and leave, and the Secrets that their kubelets read. */

import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { drawStory, Faults, runStory, SimCluster, type SimPod, simulated } from "../../src/testing/index.ts"
import { fault } from "../../src/testing/levers/strike.ts"

describe("a node of a simulated cluster", () => {
  it("joins with a certlet of its own, and takes its turn", async () => {
    await using cluster = await simulated({ seed: "join" })
    const names = [await cluster.addNode(), await cluster.addNode("edge-7"), await cluster.addNode()]
    expect(names).toEqual(["joined-1", "edge-7", "joined-3"])
    const pods: Array<SimPod> = []
    for (let i = 0; i < 4; i++) pods.push(await cluster.schedule())
    await cluster.advance("1 minute")
    expect(pods.map(({ node, phase }) => [node, phase])).toEqual([
      ["node-1", "running"],
      ["joined-1", "running"],
      ["edge-7", "running"],
      ["joined-3", "running"]
    ])
    await cluster.kill("edge-7")
    await cluster.settle()
  })

  it("leaves for good with its certlet and its pods, and nothing of it comes back", async () => {
    await using cluster = await simulated({ seed: "leave", nodes: 2 })
    const pod = await cluster.schedule({ node: "node-1", duration: "1 hour" })
    const other = await cluster.schedule({ node: "node-2", duration: "1 hour" })
    await cluster.advance("1 minute")
    const requests = () => cluster.world.server.api.stores.requests.all().map(({ metadata }) => metadata.annotations)
    expect(requests()).toHaveLength(2)
    // Everything that would start something there again later.
    await cluster.reboot("node-1", "10 minutes")
    await cluster.restartKubelet("node-1", "5 minutes")
    await cluster.disk("node-1").fill("20 minutes")
    await cluster.cut("node-1", "20 minutes")
    await cluster.removeNode("node-1")
    expect([pod.phase, [...cluster.world.nodes.keys()], cluster.world.pods]).toEqual(["gone", ["node-2"], [other]])
    await cluster.advance("3 hours")
    expect(requests()).toHaveLength(1)
    const last = cluster.trace.events.findLast(({ where }) => where === "node-1")
    expect(last?.at).toBeLessThan(cluster.world.now - 3_600_000 * 2)
    await cluster.settle()
    await expect(cluster.schedule({ node: "node-1" })).rejects.toThrow("there is no node node-1; there are node-2")
    await expect(cluster.removeNode("node-2")).rejects.toThrow(
      "node-2 is the only node, and a cluster has one at least"
    )
    await expect(cluster.addNode("node-2")).rejects.toThrow("there is a node node-2 already")
    await expect(cluster.addNode("a node")).rejects.toThrow("a node has a name such as node-7, and not a node")
    expect(await cluster.addNode("node-1")).toBe("node-1")
    const again = await cluster.schedule({ node: "node-1" })
    await cluster.advance("1 minute")
    expect(again.phase).toBe("running")
    // What was done to the one that left is not done to the one that has its name.
    await cluster.disk("node-1").fill("2 hours")
    await cluster.removeNode("node-1")
    await cluster.addNode("node-1")
    await cluster.disk("node-1").fill("1 minute")
    const third = await cluster.schedule({ node: "node-1" })
    await cluster.advance("10 minutes")
    expect(third.phase).toBe("running")
  })

  it("is struck by nothing any more when it has left, and a story with nodes that come and go comes out the same", async () => {
    const moves = fault("moves", 24, (cluster, { draw }) =>
      cluster.world.nodes.size > 1 && draw < 0.5
        ? cluster.removeNode([...cluster.world.nodes.keys()].at(-1) ?? "")
        : cluster.addNode()
    )
    const faults = Faults.named([
      "killsPerDay",
      "rebootsPerDay",
      "kubeletRestartsPerDay",
      "freezesPerDay",
      "cutsPerDay"
    ])
    const options = { ownFaults: [moves] }
    const story = drawStory("moving", { nodes: 3, pods: 5, faults }, options.ownFaults)
    const run = () => Effect.runPromise(Effect.scoped(runStory(story, options)))
    const { digest, lines, outcome } = await run()
    expect(outcome).toEqual({ _tag: "passed" })
    expect(lines().join("\n")).toContain("leaves for good")
    expect((await run()).digest).toBe(digest)
  })
})

describe("certlet that is called while earlier calls run on", () => {
  it("takes a volume away for good, and makes one request for the volume that it publishes twice at once", async () => {
    await using cluster = await simulated({ seed: "two calls" })
    await cluster.issuer.stall("20 minutes")
    const [goes, stays] = [await cluster.schedule({ name: "goes" }), await cluster.schedule({ name: "stays" })]
    await cluster.advance("10 seconds")
    await cluster.restartKubelet("node-1", "1 second", { callsRunOn: "15 minutes" })
    await cluster.delete(goes)
    await cluster.advance("1 minute")
    const { disk, records } = cluster.node("node-1")
    expect([goes.phase, disk.volumes.size, records.volumeIds().size]).toEqual(["gone", 1, 1])
    const called = cluster.trace.events.flatMap(({ what }) =>
      what._tag === "PublishCalled" && what.volume.pod === stays ? [what.attempt] : []
    )
    // The first call was never answered, and the kubelet that is back begins again.
    expect(called).toEqual([1, 1])
    await cluster.advance("30 minutes")
    expect([stays.phase, disk.volumes.size]).toEqual(["running", 1])
    const made = cluster.trace.events.flatMap(({ what }) => (what._tag === "RequestCreated" ? [what.object] : []))
    expect(new Set(made.map(({ metadata }) => metadata.annotations?.["csi.cert-manager.io/volume-id"])).size).toBe(
      made.length
    )
    await cluster.settle()
  })
})

const prefix = "csi.cert-manager.io/"
const attributes = { [`${prefix}pkcs12-enable`]: "true", [`${prefix}pkcs12-password-from`]: "secret:password" }

describe("a Secret of a simulated cluster", () => {
  it("is read by the kubelet in the pod's namespace, and without it no call is made", async () => {
    await using cluster = await simulated({ seed: "secret" })
    await cluster.secret("keystore", { password: "another pod's" }, "red")
    const pod = await cluster.schedule({ secret: "keystore", attributes })
    await cluster.advance("1 minute")
    const why =
      "fetching NodePublishSecretRef apps/keystore failed: failed to find the secret keystore in the namespace apps"
    expect([pod.phase, cluster.trace.lines().join("\n").includes(why)]).toEqual(["pending", true])
    expect(cluster.world.server.api.stores.requests.all()).toEqual([])
    await cluster.secret("keystore", { password: "öpen sesame" })
    await cluster.advance("3 minutes")
    expect([pod.phase, (await cluster.exec(pod)).files.has("keystore.p12")]).toEqual(["running", true])
    expect(cluster.trace.lines().join("\n")).not.toContain("sesame")
  })

  it("lacks what the volume names, and its owner hears of that", async () => {
    await using cluster = await simulated({ seed: "key" })
    await cluster.secret("keystore", { passwort: "misspelt" })
    const pod = await cluster.schedule({ volumes: { tls: {}, keystore: { secret: "keystore", attributes } } })
    await cluster.advance("1 minute")
    expect(pod.phase).toBe("pending")
    expect(cluster.trace.lines().join("\n")).toMatch(/apps\/pod-1 \(keystore\) is not published: .*password/)
    await cluster.secret("keystore", { password: "spelt" })
    await cluster.advance("5 minutes")
    expect(pod.phase).toBe("running")
  })

  it("says what its entries are", async () => {
    await using cluster = await simulated({ seed: "entries" })
    const wrong: Record<string, string> = JSON.parse('{ "password": 7 }')
    await expect(cluster.secret("a", wrong)).rejects.toThrow("a Secret's entries are texts by their keys")
  })
})

it("a cluster with Effect has the same verbs", () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "verbs" })
      expect(yield* cluster.addNode()).toBe("joined-1")
      yield* cluster.removeNode("joined-1")
    }).pipe(Effect.scoped)
  ))
