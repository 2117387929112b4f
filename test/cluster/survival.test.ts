// A node in bad times: in the midst of many publishes the API server or etcd is killed, the watches are cut every
// second, every call is answered with 429, a right is taken away and given back, the token expires. Each time every
// volume gets its files with one request, and the calls stay few; they are printed. `outage.test.ts` looks at one
// volume and its sentences; here it is the crowd. SURVIVAL_VOLUMES says how many publishes each trouble meets, 20 by
// default.
import { createPrivateKey, randomUUID, sign } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { until } from "../kit/until.ts"
import { ApiDoor } from "./ApiDoor.ts"
import type { Certlet } from "./Certlet.ts"
import { inParallel } from "./inParallel.ts"
import { replaceFile } from "./kubeconfig.ts"
import { at } from "./objects.ts"
import type { PodVolume } from "./PodVolume.ts"
import { account, clusterLimitMilliseconds, RealCluster, type Stage, volumeOf } from "./RealCluster.ts"
import type { TokenAccess } from "./serviceAccountToken.ts"
import { fits, judge, readIssue, serialOf } from "./volumeFiles.ts"

const count = Number(process.env.SURVIVAL_VOLUMES ?? 20)
const serviceAccount = "survivor"
const convergenceMilliseconds = 240_000

let cluster: RealCluster
let stage: Stage
let access: TokenAccess
let door: ApiDoor
let certlet: Certlet
const survivors: Array<PodVolume> = []

const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" } as const
const binding = { ...rbac, kind: "ClusterRoleBinding", name: serviceAccount } as const

const giveRights = async () => {
  await cluster.plane.api.apply({
    ...rbac,
    kind: binding.kind,
    metadata: { name: binding.name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: account.serviceAccount },
    subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace: account.namespace }]
  })
  await cluster.waitForRight(serviceAccount, "create", true)
}

beforeAll(async () => {
  cluster = await RealCluster.start()
  stage = await cluster.stage("survival")
  await cluster.plane.createServiceAccount(account.namespace, serviceAccount)
  await giveRights()
  access = await cluster.plane.tokenKubeconfig({ namespace: account.namespace, serviceAccount })
  door = await ApiDoor.open(cluster.plane.dir, cluster.plane, access.tokenFile)
  certlet = await cluster.certlet({ kubeconfig: door.kubeconfig, verbosity: "2" })
}, clusterLimitMilliseconds)

afterAll(async () => {
  door?.close()
  await cluster?.stop()
})

/** How many requests each volume has. */
const requestsByVolume = async (): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  for (const request of await cluster.requests(stage.namespace)) {
    const id = volumeOf(request) ?? ""
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

/** As many requests as `share` of this trouble's volumes have been made: it comes in the midst of them. */
const someRequests = (before: number, share: number) =>
  until("the first requests", { deadlineMilliseconds: 60_000 }, async () =>
    (await cluster.requests(stage.namespace)).length >= before + share * count ? true : undefined
  )

/** Publishes many volumes as a kubelet does, and has something happen meanwhile. */
const publishThrough = async (trouble: string, happen: (before: number) => Promise<void>): Promise<void> => {
  const before = (await cluster.requests(stage.namespace)).length
  const pods = Array.from({ length: count }, (_, index) => `${trouble}-${index}`)
  const volumes = await inParallel(pods, 10, (pod) => stage.volume(certlet, pod))
  survivors.push(...volumes)
  door.countAnew()
  const publishing = inParallel(volumes, count, (volume) => certlet.publishLikeKubelet(volume, convergenceMilliseconds))
  const [failures] = await Promise.all([publishing, happen(before)])
  const { all, mostInASecond, seconds, watches } = door.calls()
  const codes = [...new Set(failures.flat().map(({ code }) => code))].join(" ") || "none"
  console.log(
    `${trouble}: ${count} publishes in ${seconds.toFixed(1)} s; ${all} calls (${watches} watches), ` +
      `${(all / seconds).toFixed(1)} a second, ${mostInASecond} in the busiest; failures: ${codes}`
  )
  await expectSound(volumes)
  // A publish is one call of certlet's; what fails is tried again after pauses that grow.
  expect(all).toBeLessThan(8 * count + 5 * seconds)
  expect(mostInASecond).toBeLessThan(3 * count + 10)
}

const expectSound = async (volumes: ReadonlyArray<PodVolume>): Promise<void> => {
  for (const { target } of volumes) expect(fits(await readIssue(target))).toBe(true)
  await judge(volumes.at(-1)?.target ?? "", stage.issuer.caFile)
  // One that was refused after its create had got lost is made again, and its predecessor is deleted.
  await certlet.until("one request for each volume", 60_000, async () => {
    const requests = await requestsByVolume()
    const odd = volumes.filter(({ id }) => requests.get(id) !== 1).map(({ id, pod }) => `${pod}: ${requests.get(id)}`)
    if (odd.length === 0) return true
    throw new Error(odd.join())
  })
}

const isAuthenticated = async (token: string): Promise<boolean> => {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } }
  const answer = await cluster.plane.api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { body })
  return at(answer, "status", "authenticated") === true
}

/** How long the API server takes a token for good after its expiry, as clocks may differ. */
const leewaySeconds = 60

/** A token that is taken for so many seconds more; the API server itself makes none for less than ten minutes. */
const shortToken = async (seconds: number): Promise<string> => {
  const { namespace } = account
  const owner = await cluster.plane.api.get({
    apiVersion: "v1",
    kind: "ServiceAccount",
    namespace,
    name: serviceAccount
  })
  const issuer = "https://kubernetes.default.svc.cluster.local"
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    aud: [issuer],
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    jti: randomUUID(),
    ...{ iat: now - 600, nbf: now - 600, exp: now - leewaySeconds + seconds },
    "kubernetes.io": { namespace, serviceaccount: { name: serviceAccount, uid: owner?.metadata.uid } }
  }
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url")
  const text = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`
  const key = createPrivateKey(await readFile(join(cluster.plane.dir, "pki", "tokens.key")))
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`
}

describe(`${count} publishes`, { timeout: 600_000 }, () => {
  it("outlive an API server that is killed in their midst", () =>
    publishThrough("api-server", async (before) => {
      cluster.plane.pauseCertManager()
      await someRequests(before, 0.2)
      await cluster.plane.stopApiServer("SIGKILL")
      await cluster.plane.startApiServer()
      await cluster.plane.restartCertManager()
    }))

  it("outlive an etcd that is killed in their midst", () =>
    publishThrough("etcd", async (before) => {
      cluster.plane.pauseCertManager()
      await someRequests(before, 0.2)
      await cluster.plane.restartEtcd()
      await cluster.plane.restartCertManager()
    }))

  it("outlive watches that are cut every second", () =>
    publishThrough("watches", async (before) => {
      cluster.plane.pauseCertManager()
      await someRequests(before, 1)
      let cut = 0
      for (let second = 0; second < 6; second++) {
        cut += door.cutWatches()
        await pause(1_000)
      }
      // Each watch that does not last makes the pause before the next one longer.
      expect(cut).toBeGreaterThan(1)
      cluster.plane.resumeCertManager()
    }))

  it("outlive a storm of 429", () =>
    publishThrough("throttled", async () => {
      door.throttle(true)
      // The pauses between the tries grow: so many calls are a few tries of each volume.
      await until("the storm", { deadlineMilliseconds: 60_000 }, async () => door.calls().all > 3 * count || undefined)
      door.throttle(false)
    }))

  it("outlive a right that is taken away and given back", async () => {
    await cluster.plane.api.delete(binding)
    await cluster.waitForRight(serviceAccount, "create", false)
    await publishThrough("right", async () => {
      door.cutWatches()
      await until(
        "refused calls",
        { deadlineMilliseconds: 60_000 },
        async () => door.calls().all > 2 * count || undefined
      )
      await giveRights()
    })
  })

  it("outlive a token that expires", async () => {
    const token = await shortToken(5)
    expect(await isAuthenticated(token)).toBe(true)
    await replaceFile(access.tokenFile, token)
    // certlet goes on with the token it has until that is refused.
    await access.revoke()
    await until("the token to expire", { deadlineMilliseconds: 60_000 }, async () =>
      (await isAuthenticated(token)) ? undefined : true
    )
    await publishThrough("token", async () => {
      await until(
        "refused calls",
        { deadlineMilliseconds: 60_000 },
        async () => door.calls().all > 2 * count || undefined
      )
      await access.rotate()
    })
  })
})

describe("afterwards", { timeout: 300_000 }, () => {
  it("no volume is lost, and nothing is left of them when they go", async () => {
    const serials = await inParallel(survivors, 8, async ({ target }) => serialOf(await readIssue(target)))
    expect(new Set(serials).size).toBe(6 * count)
    expect((await requestsByVolume()).size).toBe(6 * count)
    expect(await certlet.mounts()).toHaveLength(6 * count)
    await inParallel(survivors, 10, (volume) => certlet.unpublish(volume))
    expect(await certlet.mounts()).toEqual([])
    expect(await certlet.records()).toEqual([])
  })
})
