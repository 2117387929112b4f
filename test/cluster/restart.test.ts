// certlet itself is ended and started again, orderly and by SIGKILL, with volumes in place: nobody's files change,
// every renewal still comes, and a request that was pending is picked up instead of being made again. An orderly end
// leaves a publish that is under way its time to finish or to say why it did not.
import { lstat, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { CallError } from "./KubeletClient.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"

let cluster: RealCluster
let stage: Stage
let manual: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  stage = await cluster.stage("restart")
  manual = await cluster.stage("restart-manual", "manual")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const signals = ["SIGTERM", "SIGKILL"] as const

// Due after 5 s less a tenth at most.
const shortLived = { "key-algorithm": "ECDSA", "common-name": "short", duration: "40s", "renew-before": "35s" }

describe.each(signals)("after %s", { timeout: 90_000 }, (signal) => {
  it("volumes are as they were, and renewals come", async () => {
    const certlet = await cluster.certlet({ nodeId: `renew-${signal.toLowerCase()}` })
    const steady = await stage.volume(certlet, `steady-${signal.toLowerCase()}`)
    const short = await stage.volume(certlet, `short-${signal.toLowerCase()}`, { attributes: shortLived })
    for (const volume of [steady, short]) await certlet.publish(volume)
    const [steadyBefore, shortBefore] = [await readIssue(steady.target), await readIssue(short.target)]
    const mounts = await certlet.mounts()
    const inode = (await lstat(join(steady.target, "..data"))).ino

    await certlet.end(signal)
    expect(await readIssue(steady.target)).toEqual(steadyBefore)
    await certlet.startAgain()
    await certlet.publish(steady)
    expect(await readIssue(steady.target)).toEqual(steadyBefore)
    expect((await lstat(join(steady.target, "..data"))).ino).toBe(inode)
    expect(await cluster.requests(stage.namespace, steady)).toHaveLength(1)

    await certlet.until("the renewal", 30_000, async () =>
      serialOf(await readIssue(short.target)) === serialOf(shortBefore) ? undefined : true
    )
    await judge(short.target, stage.issuer.caFile)
    expect(await certlet.mounts()).toEqual(mounts)
    for (const volume of [steady, short]) await certlet.unpublish(volume)
    expect(await certlet.mounts()).toEqual([])
  })

  it("a pending request is picked up, and its files come without another call", async () => {
    const certlet = await cluster.certlet({ nodeId: `pending-${signal.toLowerCase()}` })
    const volume = await manual.volume(certlet, `pending-${signal.toLowerCase()}`)
    expect((await certlet.refusal(volume, 3_000)).code).toBe("DEADLINE_EXCEEDED")
    const name = await cluster.requestName(certlet, volume)
    await certlet.end(signal)
    await certlet.startAgain()
    await cluster.plane.approve(manual.namespace, name)
    await certlet.until("the files", 30_000, () => judge(volume.target, manual.issuer.caFile))
    await certlet.publish(volume)
    const requests = await cluster.requests(manual.namespace, volume)
    expect(requests.map((one) => one.metadata.name)).toEqual([name])
    await certlet.unpublish(volume)
  })

  it("a request that was signed while certlet was away is picked up too", async () => {
    const certlet = await cluster.certlet({ nodeId: `signed-${signal.toLowerCase()}` })
    const volume = await manual.volume(certlet, `signed-${signal.toLowerCase()}`)
    expect((await certlet.refusal(volume, 3_000)).code).toBe("DEADLINE_EXCEEDED")
    const name = await cluster.requestName(certlet, volume)
    await certlet.end(signal)
    await cluster.plane.approve(manual.namespace, name)
    const request = { apiVersion: "cert-manager.io/v1", kind: "CertificateRequest", namespace: manual.namespace, name }
    await cluster.plane.waitFor(request, "is signed", (seen) => JSON.stringify(seen.status).includes('"certificate"'))
    await certlet.startAgain()
    await certlet.publish(volume)
    await judge(volume.target, manual.issuer.caFile)
    expect(await cluster.requests(manual.namespace, volume)).toHaveLength(1)
    await certlet.unpublish(volume)
  })
})

describe("an orderly end", { timeout: 60_000 }, () => {
  it("answers a publish that waits, in time, and exits with 0 and without the socket", async () => {
    const certlet = await cluster.certlet({ nodeId: "orderly", flags: ["--shutdown-timeout", "2s"] })
    const volume = await manual.volume(certlet, "orderly")
    const answer = certlet.kubelet.publish(volume).catch((error: unknown) => error)
    const name = await cluster.requestName(certlet, volume)
    const start = performance.now()
    await certlet.end()
    expect(performance.now() - start).toBeLessThan(8_000)
    expect(certlet.lastWords()).toMatch(/^--- certlet \(pid \d+\) ended with 0;/)
    expect(await answer).toBeInstanceOf(CallError)
    await expect(lstat(join(certlet.folder, "csi.sock"))).rejects.toThrow("ENOENT")

    await certlet.startAgain()
    await cluster.plane.approve(manual.namespace, name)
    await certlet.publish(volume)
    expect(await cluster.requests(manual.namespace, volume)).toHaveLength(1)
    await certlet.unpublish(volume)
  })
})

describe("a damaged record", { timeout: 60_000 }, () => {
  it("hinders no other volume, and is healed by the next publish", async () => {
    const certlet = await cluster.certlet({ nodeId: "damaged" })
    const hurt = await stage.volume(certlet, "hurt")
    const well = await stage.volume(certlet, "well")
    for (const volume of [hurt, well]) await certlet.publish(volume)
    await certlet.end("SIGKILL")
    for (const file of await certlet.records()) {
      if ((await readFile(file, "utf8")).includes(hurt.id)) await writeFile(file, "{")
    }
    const before = await readIssue(well.target)
    await certlet.startAgain()
    for (const volume of [hurt, well]) await certlet.publish(volume)
    expect(await readIssue(well.target)).toEqual(before)
    await judge(hurt.target, stage.issuer.caFile)
    for (const volume of [hurt, well]) await certlet.unpublish(volume)
    expect(await certlet.mounts()).toEqual([])
  })
})
