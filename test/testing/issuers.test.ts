/** The issuers of a simulated cluster, by name, kind, group and namespace, as pods and their levers meet them. */
import { describe, expect, it } from "vitest"
import { type SimPod, simulated } from "../../src/testing/index.ts"

type Cluster = Awaited<ReturnType<typeof simulated>>

const phases = (pods: Readonly<Record<string, SimPod>>) =>
  Object.fromEntries(Object.entries(pods).map(([name, { phase }]) => [name, phase]))

/** What the approver and the issuer say of the only request. */
const conditionsOf = (cluster: Cluster) => cluster.world.server.api.stores.requests.all().map(({ status }) => status)

describe("an issuer of a simulated cluster", () => {
  it("is found by its kind, and an Issuer in its own namespace only", async () => {
    await using cluster = await simulated({ seed: "kinds" })
    await cluster.addIssuer({ name: "team", namespace: "blue" })
    await cluster.addIssuer({ name: "corp", kind: "ClusterIssuer" })
    const pods = {
      own: await cluster.schedule({ namespace: "blue", issuer: "team" }),
      strangers: await cluster.schedule({ namespace: "red", issuer: "team" }),
      wide: await cluster.schedule({ namespace: "red", issuer: "corp", issuerKind: "ClusterIssuer" }),
      kindless: await cluster.schedule({ namespace: "red", issuer: "corp" }),
      usual: await cluster.schedule({ namespace: "red" }),
      usualOfCluster: await cluster.schedule({ namespace: "red", issuerKind: "ClusterIssuer" })
    }
    await cluster.advance("5 minutes")
    expect(phases(pods)).toEqual({
      own: "running",
      strangers: "pending",
      wide: "running",
      kindless: "pending",
      usual: "running",
      usualOfCluster: "running"
    })
  })

  it("leaves a request pending until it is there, with the words of cert-manager, and tells the pod's owner", async () => {
    await using cluster = await simulated({ seed: "late" })
    const pod = await cluster.schedule({ issuer: "later" })
    await cluster.advance("10 minutes")
    const message = 'Referenced "Issuer" not found: issuer.cert-manager.io "later" not found'
    expect(conditionsOf(cluster)).toEqual([
      {
        conditions: [
          expect.objectContaining({ type: "Approved", status: "True" }),
          expect.objectContaining({ type: "Ready", status: "False", reason: "Pending", message })
        ]
      }
    ])
    expect((await cluster.events(pod)).map(({ note }) => note).join()).toContain(message)
    await cluster.addIssuer({ name: "later" })
    await cluster.advance("5 minutes")
    expect([pod.phase, (await cluster.exec(pod)).chains]).toEqual(["running", true])
  })

  it("of another group is nobody's until it is added: no controller says a word", async () => {
    await using cluster = await simulated({ seed: "foreign" })
    const wish = { issuer: "vault", issuerKind: "VaultIssuer", issuerGroup: "example.com" }
    const pod = await cluster.schedule(wish)
    await cluster.advance("5 minutes")
    expect(conditionsOf(cluster)).toEqual([{ conditions: [expect.objectContaining({ type: "Approved" })] }])
    const vault = await cluster.addIssuer({ name: "vault", kind: "VaultIssuer", group: "example.com" })
    await cluster.advance("5 minutes")
    expect(pod.phase).toBe("running")
    await vault.lose("1 hour")
    const late = await cluster.schedule({ ...wish, namespace: "red" })
    await cluster.advance("30 minutes")
    expect(late.phase).toBe("pending")
    await cluster.settle()
    expect(late.phase).toBe("running")
  })

  it("has levers of its own, and a CA", async () => {
    await using cluster = await simulated({ seed: "levers" })
    const corp = await cluster.addIssuer({ name: "corp", kind: "ClusterIssuer" })
    const [there, here] = [{ issuer: "corp", issuerKind: "ClusterIssuer" }, {}]
    const first = { there: await cluster.schedule(there), here: await cluster.schedule(here) }
    await cluster.advance("1 minute")
    const caOf = async (pod: SimPod) => (await cluster.exec(pod)).files.get("ca.crt")?.text
    expect(await caOf(first.there)).not.toBe(await caOf(first.here))
    await corp.deny("1 hour")
    const second = { there: await cluster.schedule(there), here: await cluster.schedule(here) }
    await cluster.advance("20 minutes")
    expect(phases(second)).toEqual({ there: "pending", here: "running" })
    await cluster.settle()
    await cluster.issuer.stall("1 hour")
    const third = { there: await cluster.schedule(there), here: await cluster.schedule(here) }
    await cluster.advance("20 minutes")
    expect(phases(third)).toEqual({ there: "running", here: "pending" })
    const before = await caOf(first.there)
    await corp.rotateCa()
    await cluster.settle()
    const fourth = await cluster.schedule(there)
    await cluster.advance("1 minute")
    expect(await caOf(fourth)).not.toBe(before)
    expect((await cluster.exec(fourth)).chains).toBe(true)
  })
})
