// Renewal while a program reads: certificates of seconds from the real cert-manager, which sets no lower bound to the
// duration of a CertificateRequest. The wish `renew-before` is close to the whole lifetime, so that each renewal comes
// within seconds. What a reader that resolves `..data` once sees is checked all the time, by Node's own crypto; the
// ends are judged by openssl.
import { watch } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import type { PodVolume } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { fits, type Issue, judge, readIssue, serialOf } from "./volumeFiles.ts"

let cluster: RealCluster
let certlet: Certlet
let stage: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet()
  stage = await cluster.stage("renewal")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

// Due after 5 s less a tenth at most, and after a tenth of the lifetime at least.
const shortLived = {
  "key-algorithm": "ECDSA",
  "dns-names": "short.example.com",
  duration: "30s",
  "renew-before": "25s"
} as const
const renewalLimitMilliseconds = 30_000

const publishShortLived = async (pod: string, attributes = {}): Promise<PodVolume> => {
  const volume = await stage.volume(certlet, pod, { attributes: { ...shortLived, ...attributes } })
  await certlet.publish(volume)
  return volume
}

/** Reads without a pause until the volume holds another certificate than before; each set it sees must fit together. */
const watchRenewal = (volume: PodVolume, before: Issue): Promise<Issue> =>
  certlet.until(`the renewal of ${volume.pod}`, renewalLimitMilliseconds, async () => {
    const issue = await readIssue(volume.target)
    expect(fits(issue)).toBe(true)
    return issue.folder === before.folder ? undefined : issue
  })

describe("a renewal", { timeout: 90_000 }, () => {
  it("swaps key and certificate together, again and again, and removes the earlier request", async () => {
    const volume = await publishShortLived("often")
    const first = await judge(volume.target, stage.issuer.caFile)
    const serials = [serialOf(first)]
    let seen = first
    for (let round = 0; round < 3; round++) {
      const [before] = await cluster.requests(stage.namespace, volume)
      const { folder, privateKey } = await watchRenewal(volume, seen)
      const issue = await judge(volume.target, stage.issuer.caFile)
      expect(issue.folder).toBe(folder)
      expect(issue.privateKey).toBe(privateKey)
      expect(issue.privateKey).not.toBe(seen.privateKey)
      serials.push(serialOf(issue))
      seen = issue
      await certlet.until("the earlier request to be deleted", 5_000, async () => {
        const names = (await cluster.requests(stage.namespace, volume)).map((one) => one.metadata.name)
        return names.length === 1 && names[0] !== before?.metadata.name ? true : undefined
      })
    }
    expect(new Set(serials).size).toBe(4)
    await certlet.unpublish(volume)
  })

  it("keeps the key where the pod wants it", async () => {
    const volume = await publishShortLived("keeper", { "reuse-private-key": "true" })
    const before = await judge(volume.target, stage.issuer.caFile)
    await watchRenewal(volume, before)
    const after = await judge(volume.target, stage.issuer.caFile)
    expect(serialOf(after)).not.toBe(serialOf(before))
    expect(after.privateKey).toBe(before.privateKey)
    await certlet.unpublish(volume)
  })

  it("is seen by a program that watches the folder", async () => {
    const volume = await publishShortLived("watched")
    const before = await judge(volume.target, stage.issuer.caFile)
    const events: Array<string | null> = []
    const watcher = watch(volume.target, (_, name) => events.push(name))
    try {
      await certlet.until("an event about ..data", renewalLimitMilliseconds, async () =>
        events.includes("..data") ? true : undefined
      )
    } finally {
      watcher.close()
    }
    expect(serialOf(await judge(volume.target, stage.issuer.caFile))).not.toBe(serialOf(before))
    await certlet.unpublish(volume)
  })

  it("ends with the volume: nothing is requested after the unpublish", async () => {
    const volume = await publishShortLived("gone")
    await certlet.unpublish(volume)
    const other = await publishShortLived("clock")
    const before = await readIssue(other.target)
    // A volume that was published later renews: the other's time has come and gone.
    await watchRenewal(other, before)
    expect((await cluster.requests(stage.namespace, volume)).length).toBeLessThanOrEqual(1)
    await certlet.unpublish(other)
  })
})
