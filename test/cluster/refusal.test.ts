// What a pod's owner reads when no certificate comes: each failed publish answers in time, with a sentence that names
// the pod, the request and the reason, and takes back what it made. A later publish, after somebody has changed his
// mind, makes it good; a late approval finds the one request that was made. The issuer "manual" signs only what a test
// approves.
import { stat } from "node:fs/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import type { PodVolume } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge } from "./volumeFiles.ts"

let cluster: RealCluster
let certlet: Certlet
let stage: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet()
  stage = await cluster.stage("refusal", "manual")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const limit = { timeout: 60_000 }

const expectNothingLeft = async (volume: PodVolume) => {
  expect((await certlet.mounts()).filter((one) => one.path === volume.target)).toEqual([])
  await expect(stat(volume.target)).rejects.toThrow("ENOENT")
  expect(await certlet.records()).toEqual([])
}

describe("a denial", limit, () => {
  it("is reported at once, leaves nothing on the node, and is not for ever", async () => {
    const volume = await stage.volume(certlet, "denied")
    const answer = certlet.refusal(volume)
    const first = await cluster.requestName(certlet, volume)
    await cluster.plane.deny(stage.namespace, first, "Policy", "not on a Friday")
    const { code, sentence } = await answer
    expect(code).toBe("PERMISSION_DENIED")
    for (const part of ["refusal/denied", `refusal/${first}`, "not on a Friday"]) expect(sentence).toContain(part)
    await expectNothingLeft(volume)

    // The policy has changed: the kubelet's next call asks again, with a new request.
    const again = certlet.publish(volume)
    const second = await certlet.until("a second request", 20_000, async () => {
      const names = (await cluster.requests(stage.namespace, volume)).map((one) => one.metadata.name)
      return names.find((name) => name !== first)
    })
    await cluster.plane.approve(stage.namespace, second)
    await again
    await judge(volume.target, stage.issuer.caFile)
    await certlet.until("the denied request to go", 20_000, async () => {
      const names = (await cluster.requests(stage.namespace, volume)).map((one) => one.metadata.name)
      return names.length === 1 && names[0] === second ? true : undefined
    })
    await certlet.unpublish(volume)
    await expectNothingLeft(volume)
  })

  it("again and again does not fill the cluster with requests", async () => {
    const volume = await stage.volume(certlet, "stubborn")
    const denied = new Set<string>()
    for (let round = 0; round < 4; round++) {
      const answer = certlet.refusal(volume)
      const name = await certlet.until("an undecided request", 20_000, async () => {
        const names = (await cluster.requests(stage.namespace, volume)).map((one) => one.metadata.name)
        return names.find((name) => !denied.has(name))
      })
      denied.add(name)
      await cluster.plane.deny(stage.namespace, name, "Policy", "never")
      expect((await answer).code).toBe("PERMISSION_DENIED")
    }
    expect(denied.size).toBe(4)
    await certlet.unpublish(volume)
    await certlet.until("at most one request to be left", 20_000, async () => {
      const left = await cluster.requests(stage.namespace, volume)
      if (left.length > 1) throw new Error(`${left.length} requests are left`)
      return true
    })
    await expectNothingLeft(volume)
  })
})

describe("an issuer that cannot sign", limit, () => {
  it("is quoted, and nothing is left", async () => {
    const issuer = await cluster.plane.createSelfSignedIssuer({ namespace: stage.namespace, name: "self" })
    const volume = await stage.volume(certlet, "self-signed", { issuer })
    const { code, sentence } = await certlet.refusal(volume)
    expect(code).toBe("FAILED_PRECONDITION")
    expect(sentence).toContain("refusal/self-signed")
    expect(sentence).toContain("cert-manager.io/private-key-secret-name")
    await expectNothingLeft(volume)
  })

  it("because it is not there is waited for, until the deadline", async () => {
    const issuer = { name: "absent", kind: "Issuer", group: "cert-manager.io" } as const
    const volume = await stage.volume(certlet, "no-issuer", { issuer })
    const { code, sentence } = await certlet.refusal(volume, 5_000)
    expect(code).toBe("DEADLINE_EXCEEDED")
    expect(sentence).toContain("refusal/no-issuer")
    const absent = await cluster.plane.createCaIssuer({ namespace: stage.namespace, name: issuer.name })
    await certlet.publish(volume)
    await judge(volume.target, absent.caFile)
    expect(await cluster.requests(stage.namespace, volume)).toHaveLength(1)
    await certlet.unpublish(volume)
  })
})

describe("a wish that breaks a rule", limit, () => {
  it("is answered with the attribute and the rule, and never reaches the cluster", async () => {
    const volume = await stage.volume(certlet, "wrong", {
      attributes: { "key-algorithm": "Ed25519", "key-encoding": "PKCS1", "common-name": "wrong" }
    })
    const { code, sentence } = await certlet.refusal(volume)
    expect(code).toBe("INVALID_ARGUMENT")
    expect(sentence).toContain("csi.cert-manager.io/key-encoding")
    expect(await cluster.requests(stage.namespace, volume)).toEqual([])
    await expectNothingLeft(volume)
  })
})

describe("an approval that comes late", limit, () => {
  it("finds the one request that was made", async () => {
    const volume = await stage.volume(certlet, "late")
    const start = performance.now()
    const { code, sentence } = await certlet.refusal(volume, 5_000)
    expect(performance.now() - start).toBeLessThan(5_000)
    expect(code).toBe("DEADLINE_EXCEEDED")
    const name = await cluster.requestName(certlet, volume)
    for (const part of ["refusal/late", `refusal/${name}`, "not approved"]) expect(sentence).toContain(part)

    const second = certlet.publish(volume)
    await cluster.plane.approve(stage.namespace, name)
    await second
    await judge(volume.target, stage.issuer.caFile)
    const requests = await cluster.requests(stage.namespace, volume)
    expect(requests.map((one) => one.metadata.name)).toEqual([name])
    await certlet.unpublish(volume)
  })

  it("between two calls leaves the files ready for the next one", async () => {
    const volume = await stage.volume(certlet, "between")
    expect((await certlet.refusal(volume, 3_000)).code).toBe("DEADLINE_EXCEEDED")
    await cluster.plane.approve(stage.namespace, await cluster.requestName(certlet, volume))
    await certlet.until("the files to come without a call", 20_000, () => judge(volume.target, stage.issuer.caFile))
    await certlet.publish(volume)
    expect(await cluster.requests(stage.namespace, volume)).toHaveLength(1)
    await certlet.unpublish(volume)
  })

  it("is of no interest after the unpublish, which withdraws the request", async () => {
    const volume = await stage.volume(certlet, "withdrawn")
    expect((await certlet.refusal(volume, 3_000)).code).toBe("DEADLINE_EXCEEDED")
    await certlet.unpublish(volume)
    await expectNothingLeft(volume)
    await certlet.until("the request to be withdrawn", 20_000, async () => {
      const left = await cluster.requests(stage.namespace, volume)
      if (left.length > 0) throw new Error(`${left.length} requests are left`)
      return true
    })
  })
})
