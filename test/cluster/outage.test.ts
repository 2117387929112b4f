// The API server goes away and comes back while certlet is at work: stopped, killed, frozen; during a publish, while a
// request awaits approval, and when a renewal is due. Whoever waits goes on waiting, a running pod keeps its files, and
// what was begun is finished with the one request that was made. cert-manager is restarted after each outage, because
// its own informers take their time to come back, which is not what is tested here.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import type { PodVolume } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"

let cluster: RealCluster
let certlet: Certlet
let stage: Stage
let manual: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet()
  stage = await cluster.stage("outage")
  manual = await cluster.stage("outage-manual", "manual")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const limit = { timeout: 120_000 }
const publishLimitMilliseconds = 60_000

const bringBack = async () => {
  await cluster.plane.startApiServer()
  await cluster.plane.restartCertManager()
}

/** Resolves when certlet has claimed the volume: from then on it is at work. */
const isClaimed = (volume: PodVolume) =>
  certlet.until(`${volume.pod} to be mounted`, 20_000, async () =>
    (await certlet.mounts()).some((mount) => mount.path === volume.target) ? true : undefined
  )

const expectOneRequest = async (volume: PodVolume) =>
  expect(await cluster.requests(volume.namespace, volume)).toHaveLength(1)

describe("a publish", limit, () => {
  it.each(["SIGTERM", "SIGKILL"] as const)("waits while the API server is gone (%s)", async (signal) => {
    const volume = await stage.volume(certlet, `gone-${signal.toLowerCase()}`)
    await cluster.plane.stopApiServer(signal)
    const published = certlet.publishLikeKubelet(volume, publishLimitMilliseconds)
    await isClaimed(volume)
    await bringBack()
    // While the API server reads its rules it forbids everything for a moment, and the kubelet may have been told so.
    const failures = await published
    expect(failures.filter((one) => one.code !== "PERMISSION_DENIED")).toEqual([])
    await judge(volume.target, stage.issuer.caFile)
    await expectOneRequest(volume)
    await certlet.unpublish(volume)
  })

  it("waits while the API server answers nothing", async () => {
    const volume = await stage.volume(certlet, "frozen")
    cluster.plane.pauseApiServer()
    const published = certlet.publish(volume)
    await isClaimed(volume)
    const state = await Promise.race([published.then(() => "published"), pauseBriefly()])
    cluster.plane.resumeApiServer()
    expect(state).toBe("waiting")
    await published
    await judge(volume.target, stage.issuer.caFile)
    await expectOneRequest(volume)
    await certlet.unpublish(volume)
  })

  it("says that the API server is unavailable when it must answer meanwhile", async () => {
    const volume = await stage.volume(certlet, "impatient")
    await cluster.plane.stopApiServer()
    const { code, sentence } = await certlet.refusal(volume, 4_000)
    await bringBack()
    expect(code).toBe("UNAVAILABLE")
    for (const part of ["outage/impatient", "create CertificateRequest", "ECONNREFUSED"]) {
      expect(sentence).toContain(part)
    }
    await certlet.publishLikeKubelet(volume, publishLimitMilliseconds)
    await judge(volume.target, stage.issuer.caFile)
    await expectOneRequest(volume)
    await certlet.unpublish(volume)
  })

  it.each(["SIGTERM", "SIGKILL"] as const)(
    "goes on waiting for its approval when the watch breaks (%s)",
    async (signal) => {
      const volume = await manual.volume(certlet, `approval-${signal.toLowerCase()}`)
      const published = certlet.publish(volume)
      const name = await cluster.requestName(certlet, volume)
      await cluster.plane.stopApiServer(signal)
      await bringBack()
      await cluster.plane.approve(manual.namespace, name)
      await published
      await judge(volume.target, manual.issuer.caFile)
      await expectOneRequest(volume)
      await certlet.unpublish(volume)
    }
  )
})

/** That something does not come can only be seen by giving it time. */
const pauseBriefly = () => new Promise<string>((resolve) => setTimeout(resolve, 1_000, "waiting"))

describe("a renewal", limit, () => {
  it("that comes due during an outage leaves the old files, and is made up for afterwards", async () => {
    const volume = await stage.volume(certlet, "due", {
      // Due after 8 to 10 s, and good for nearly a minute more.
      attributes: { "key-algorithm": "ECDSA", "common-name": "due", duration: "70s", "renew-before": "60s" }
    })
    await certlet.publish(volume)
    const before = await judge(volume.target, stage.issuer.caFile)
    await cluster.plane.stopApiServer("SIGKILL")
    await certlet.until("a renewal to have failed", 30_000, async () =>
      certlet.log().includes("not renewed") && certlet.log().includes("ECONNREFUSED") ? true : undefined
    )
    expect(await readIssue(volume.target)).toEqual(before)
    await bringBack()
    const after = await certlet.until("the renewal", 60_000, async () => {
      const issue = await readIssue(volume.target)
      return serialOf(issue) === serialOf(before) ? undefined : issue
    })
    expect(after.privateKey).not.toBe(before.privateKey)
    await judge(volume.target, stage.issuer.caFile)
    await certlet.unpublish(volume)
  })
})

describe("unpublishing and starting", limit, () => {
  it("need no API server", async () => {
    const volume = await stage.volume(certlet, "offline")
    const other = await stage.volume(certlet, "still-there")
    for (const one of [volume, other]) await certlet.publish(one)
    await cluster.plane.stopApiServer()
    await certlet.unpublish(volume)
    await certlet.end()
    await certlet.startAgain()
    await certlet.publish(other)
    await judge(other.target, stage.issuer.caFile)
    await certlet.unpublish(other)
    expect(await certlet.mounts()).toEqual([])
    expect(await certlet.records()).toEqual([])
    await bringBack()
  })
})
