// The rights of `k8s/rbac.yaml` are enough (every other test of certlet runs with them) and none of them is too much: each
// verb is taken away in turn, from an account of its own, and something that a user can see breaks, with words that name
// what is missing. A token that the kubelet replaces on disk is taken up.
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import { at, listAt } from "./objects.ts"
import { quick } from "./PodVolume.ts"
import { until } from "./until.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"
import { account, type Stage, World, worldLimitMilliseconds } from "./World.ts"

let world: World
let stage: Stage

beforeAll(async () => {
  world = await World.start()
  stage = await world.stage("rights")
}, worldLimitMilliseconds)

afterAll(() => world?.stop())

const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" } as const

const shippedVerbs = async (): Promise<ReadonlyArray<string>> => {
  const shipped = await world.plane.api.get({ ...role, name: account.serviceAccount })
  const rules = listAt(shipped, "rules")
  expect(rules).toHaveLength(1)
  expect(listAt(rules[0], "resources")).toEqual(["certificaterequests"])
  return listAt(rules[0], "verbs").filter((verb) => typeof verb === "string")
}

/** A certlet whose account has every shipped right but one. */
const certletWithout = async (verb: string): Promise<Certlet> => {
  const { api } = world.plane
  const { namespace } = account
  const name = `certlet-without-${verb}`
  const verbs = (await shippedVerbs()).filter((one) => one !== verb)
  await world.plane.createServiceAccount(namespace, name)
  await api.apply({
    ...role,
    metadata: { name },
    rules: [{ apiGroups: ["cert-manager.io"], resources: ["certificaterequests"], verbs }]
  })
  await api.apply({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name, namespace }]
  })
  await world.waitForRight(name, verbs[0] ?? "", true)
  const { clientNodeKubeconfig } = await world.plane.tokenKubeconfig({ namespace, serviceAccount: name })
  return world.certlet({ kubeconfig: clientNodeKubeconfig, nodeId: name })
}

const forbidden = (verb: string) => new RegExp(`cannot ${verb} resource \\\\*"certificaterequests\\\\*"`)

describe("without the right to", { timeout: 90_000 }, () => {
  it("create, a publish says so at once", async () => {
    const certlet = await certletWithout("create")
    const volume = await stage.volume(certlet, "create")
    const { code, sentence } = await certlet.refusal(volume)
    expect(code).toBe("PERMISSION_DENIED")
    expect(sentence).toContain("rights/create")
    expect(sentence).toMatch(forbidden("create"))
    expect(await certlet.mounts()).toEqual([])
    expect(await certlet.records()).toEqual([])
  })

  it.each(["list", "watch"])("%s, a publish waits in vain, and the log says why", async (verb) => {
    const certlet = await certletWithout(verb)
    const volume = await stage.volume(certlet, verb)
    const { code, sentence } = await certlet.refusal(volume, 6_000)
    expect(code).toBe("DEADLINE_EXCEEDED")
    expect(sentence).toContain(`rights/${verb}`)
    // Some failing is everyday life for a watch; certlet warns when it lasts.
    await certlet.until(`a word about ${verb}`, 60_000, async () => forbidden(verb).test(certlet.log()) || undefined)
    await certlet.unpublish(volume)
  })

  it("delete, a renewal works and its predecessor stays", async () => {
    const certlet = await certletWithout("delete")
    const volume = await stage.volume(certlet, "delete", {
      attributes: { ...quick, "dns-names": "delete.example.com", duration: "40s", "renew-before": "35s" }
    })
    await certlet.publish(volume)
    const first = serialOf(await judge(volume.target, stage.issuer.caFile))
    await certlet.until("the renewal", 30_000, async () =>
      serialOf(await readIssue(volume.target)) === first ? undefined : true
    )
    await certlet.until("a word about delete", 20_000, async () => forbidden("delete").test(certlet.log()) || undefined)
    expect((await world.requests(stage.namespace, volume)).length).toBeGreaterThan(1)
    await certlet.unpublish(volume)
  })
})

describe("the shipped rights", { timeout: 60_000 }, () => {
  it("are these four", async () => {
    expect((await shippedVerbs()).toSorted()).toEqual(["create", "delete", "list", "watch"])
  })

  it("serve on with a token that was replaced on disk, when the old one is refused", async () => {
    const certlet = await world.certlet({ nodeId: "rotation" })
    const [first, second] = [await stage.volume(certlet, "token-1"), await stage.volume(certlet, "token-2")]
    await certlet.publish(first)
    const old = await readFile(world.access.tokenFile, "utf8")
    await world.access.rotate()
    expect(await readFile(world.access.tokenFile, "utf8")).not.toBe(old)
    await until("the old token to be refused", { deadlineMilliseconds: 30_000 }, async () => {
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: old } }
      const answer = await world.plane.api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { body })
      return at(answer, "status", "authenticated") === true ? undefined : true
    })
    await certlet.publish(second)
    await judge(second.target, stage.issuer.caFile)
    for (const volume of [first, second]) await certlet.unpublish(volume)
  })
})
