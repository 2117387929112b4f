// The rights of `k8s/certlet.yaml` are enough (every other test of certlet runs with them) and none of them is too
// much: each verb is taken away in turn, from an account of its own, and something that a user can see breaks, with
// words that name what is missing. A token that the kubelet replaces on disk is taken up.
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { until } from "../kit/until.ts"
import type { Certlet } from "./Certlet.ts"
import { at, conditionOf, listAt } from "./objects.ts"
import { type PodVolume, quick } from "./PodVolume.ts"
import { account, clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"

let cluster: RealCluster
let stage: Stage
let manual: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  stage = await cluster.stage("rights")
  manual = await cluster.stage("rights-manual", "manual")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" } as const

interface Rule {
  readonly apiGroups: ReadonlyArray<unknown>
  readonly resources: ReadonlyArray<unknown>
  readonly verbs: ReadonlyArray<unknown>
}

const shippedRules = async (): Promise<ReadonlyArray<Rule>> => {
  const shipped = await cluster.plane.api.get({ ...role, name: account.serviceAccount })
  return listAt(shipped, "rules").map((rule) => ({
    apiGroups: listAt(rule, "apiGroups"),
    resources: listAt(rule, "resources"),
    verbs: listAt(rule, "verbs")
  }))
}

const forbidden = (verb: string, resource = "certificaterequests") =>
  new RegExp(`cannot ${verb} resource \\\\*"${resource}\\\\*"`)

describe("without the right to", { timeout: 90_000 }, () => {
  it("create, a publish says so at once", async () => {
    const certlet = await cluster.certletWithout("create", "certificaterequests")
    const volume = await stage.volume(certlet, "create")
    const { code, sentence } = await certlet.refusal(volume)
    expect(code).toBe("PERMISSION_DENIED")
    expect(sentence).toContain("rights/create")
    expect(sentence).toMatch(forbidden("create"))
    expect(await certlet.mounts()).toEqual([])
    expect(await certlet.records()).toEqual([])
  })

  it.each(["list", "watch"])("%s, a publish runs into its timeout, and the log says why", async (verb) => {
    const certlet = await cluster.certletWithout(verb, "certificaterequests")
    const volume = await stage.volume(certlet, verb)
    const { code, sentence } = await certlet.refusal(volume, 6_000)
    expect(code).toBe("DEADLINE_EXCEEDED")
    expect(sentence).toContain(`rights/${verb}`)
    // Some failing is everyday life for a watch; certlet warns when it lasts.
    await certlet.until(`a word about ${verb}`, 60_000, async () => forbidden(verb).test(certlet.log()) || undefined)
    await certlet.unpublish(volume)
  })

  it("delete, a renewal works and its predecessor stays", async () => {
    const certlet = await cluster.certletWithout("delete", "certificaterequests")
    const volume = await stage.volume(certlet, "delete", {
      attributes: { ...quick, "dns-names": "delete.example.com", duration: "40s", "renew-before": "35s" }
    })
    await certlet.publish(volume)
    const first = serialOf(await judge(volume.target, stage.issuer.caFile))
    await certlet.until("the renewal", 30_000, async () =>
      serialOf(await readIssue(volume.target)) === first ? undefined : true
    )
    await certlet.until("a word about delete", 20_000, async () => forbidden("delete").test(certlet.log()) || undefined)
    expect((await cluster.requests(stage.namespace, volume)).length).toBeGreaterThan(1)
    await certlet.unpublish(volume)
  })
})

describe("names that follow the pod, without the right to", { timeout: 90_000 }, () => {
  it.each(["list", "watch"])(
    "%s pods, a publish that waits for them runs into its timeout, and the log says why",
    async (verb) => {
      const certlet = await cluster.certletWithout(verb, "pods", ["--continue-on-not-ready"])
      const volume = await stage.volume(certlet, `pods-${verb}`, {
        attributes: { "key-algorithm": "ECDSA", "ip-sans": "${POD_IP}" }
      })
      await certlet.publish(volume)
      await certlet.until(`a word about ${verb}`, 60_000, async () =>
        forbidden(verb, "pods").test(certlet.log()) ? true : undefined
      )
      expect(await cluster.requests(stage.namespace, volume)).toEqual([])
      await certlet.unpublish(volume)
    }
  )
})

/** One publish whose request is denied, so that there is something to tell. */
const denyOnce = async (certlet: Certlet, volume: PodVolume): Promise<void> => {
  const refusal = certlet.refusal(volume)
  // The one that was denied before may still be there.
  const request = await certlet.until("an open request", 20_000, async () =>
    (await cluster.requests(volume.namespace, volume)).find((one) => conditionOf(one, "Denied") === undefined)
  )
  await cluster.plane.deny(manual.namespace, request.metadata.name, "Policy", "not for you")
  expect((await refusal).code).toBe("PERMISSION_DENIED")
}

const eventsOn = async (volume: PodVolume) =>
  (await cluster.plane.api.list({ apiVersion: "v1", kind: "Event", namespace: volume.namespace })).filter(
    (event) => at(event, "involvedObject", "name") === volume.pod
  )

/** Denied once, and once more after the Event may be written again. */
const denyTwice = async (certlet: Certlet, volume: PodVolume): Promise<void> => {
  await denyOnce(certlet, volume)
  await certlet.until("the Event", 20_000, async () => ((await eventsOn(volume)).length === 1 ? true : undefined))
  const due = performance.now() + 31_000
  await certlet.until("the next writing", 40_000, async () => (performance.now() >= due ? true : undefined))
  await denyOnce(certlet, volume)
}

describe("Events on a pod", { timeout: 120_000 }, () => {
  it("are written and counted with the shipped rights, and name the request", async () => {
    const certlet = await cluster.certlet({ nodeId: "events" })
    const volume = await manual.volume(certlet, "events", { attributes: { ...quick } })
    await denyTwice(certlet, volume)
    const event = await certlet.until("the count", 20_000, async () =>
      (await eventsOn(volume)).find((event) => at(event, "count") === 2)
    )
    expect(at(event, "reason")).toBe("CertificateDenied")
    expect(at(event, "involvedObject", "kind")).toBe("Pod")
    expect(at(event, "message")).toMatch(/^CertificateRequest rights-manual\/[0-9a-f-]{36}: .*not for you.*policy/)
    await certlet.unpublish(volume)
  })

  it("are not made without the right to create them, and the refusal reaches the kubelet all the same", async () => {
    const certlet = await cluster.certletWithout("create", "events")
    const volume = await manual.volume(certlet, "events-create", { attributes: { ...quick } })
    await denyOnce(certlet, volume)
    await certlet.until("a word about create", 20_000, async () =>
      forbidden("create", "events").test(certlet.log()) ? true : undefined
    )
    expect(await eventsOn(volume)).toEqual([])
    await certlet.unpublish(volume)
  })

  it("are not counted without the right to patch them", async () => {
    const certlet = await cluster.certletWithout("patch", "events")
    const volume = await manual.volume(certlet, "events-patch", { attributes: { ...quick } })
    await denyTwice(certlet, volume)
    await certlet.until("a word about patch", 20_000, async () =>
      forbidden("patch", "events").test(certlet.log()) ? true : undefined
    )
    expect(at((await eventsOn(volume))[0], "count")).toBe(1)
    await certlet.unpublish(volume)
  })
})

describe("the shipped rights", { timeout: 60_000 }, () => {
  it("are these, and each of them is taken away above", async () => {
    const shipped = (await shippedRules()).flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`))
    )
    expect(shipped.toSorted()).toEqual([
      "create certificaterequests",
      "create events",
      "delete certificaterequests",
      "list certificaterequests",
      "list pods",
      "patch events",
      "watch certificaterequests",
      "watch pods"
    ])
  })

  it("serve on with a token that was replaced on disk, when the old one is refused", async () => {
    const certlet = await cluster.certlet({ nodeId: "rotation" })
    const [first, second] = [await stage.volume(certlet, "token-1"), await stage.volume(certlet, "token-2")]
    await certlet.publish(first)
    const old = await readFile(cluster.access.tokenFile, "utf8")
    await cluster.access.rotate()
    expect(await readFile(cluster.access.tokenFile, "utf8")).not.toBe(old)
    await until("the old token to be refused", { deadlineMilliseconds: 30_000 }, async () => {
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: old } }
      const answer = await cluster.plane.api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { body })
      return at(answer, "status", "authenticated") === true ? undefined : true
    })
    await certlet.publish(second)
    await judge(second.target, stage.issuer.caFile)
    for (const volume of [first, second]) await certlet.unpublish(volume)
  })
})
