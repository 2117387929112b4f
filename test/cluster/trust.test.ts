// Trust bundles of the real API server, with the chart's rights for the names that it was given and no others: the CA
// file of a running volume follows a ConfigMap and a ClusterTrustBundle, with the same key and certificate. Each right
// is taken away in turn, and certlet says what is missing. (ClusterTrustBundles every ServiceAccount may read, by
// Kubernetes' own rules.)
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import { makeAuthority } from "./certificates.ts"
import { render } from "./chart.ts"
import { applyManifest } from "./manifests.ts"
import type { PodVolume } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { readIssue } from "./volumeFiles.ts"

let cluster: RealCluster
let stage: Stage
let certlet: Certlet
let authorities: ReadonlyArray<string>

const name = "corporate"
const quick = { "key-algorithm": "ECDSA", "dns-names": "web.example.com" }

const configMap = (text: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: stage.namespace, name },
  data: { "ca.crt": text }
})
const clusterTrustBundle = (text: string) => ({
  apiVersion: "certificates.k8s.io/v1",
  kind: "ClusterTrustBundle",
  metadata: { name },
  spec: { trustBundle: text }
})

beforeAll(async () => {
  cluster = await RealCluster.start()
  await applyManifest(cluster.plane.api, await render({ app: { driver: { trustBundles: [name] } } }))
  stage = await cluster.stage("trust")
  certlet = await cluster.certlet()
  const made = ["first", "second"].map((one) => makeAuthority(certlet.folder, one, { commonName: one }))
  authorities = await Promise.all((await Promise.all(made)).map(({ certFile }) => readFile(certFile, "utf8")))
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

/** Resolves when the volume's CA file is exactly this text, but for the space around it. */
const holds = (volume: PodVolume, text: string) =>
  certlet.until(`the CA file of ${volume.pod}`, 20_000, async () => {
    const { authority } = await readIssue(volume.target)
    return authority.trim() === text.trim() ? true : undefined
  })

const kinds = [
  ["ConfigMap", configMap],
  ["ClusterTrustBundle", clusterTrustBundle]
] as const

describe("a trust bundle", { timeout: 90_000 }, () => {
  it.each(kinds)("%s replaces the issuer's CA and is followed", async (kind, object) => {
    const [first = "", second = ""] = authorities
    const volume = await stage.volume(certlet, kind.toLowerCase(), {
      attributes: { ...quick, "trust-bundle": `${kind}/${name}`, "combined-file": "combined.pem" }
    })
    const { sentence } = await certlet.refusal(volume, 6_000)
    expect(sentence).toContain(kind)
    expect(sentence).toContain(name)
    expect(await cluster.requests(stage.namespace, volume)).toEqual([])
    await cluster.plane.api.apply(object(first))
    await certlet.publish(volume)
    await holds(volume, first)
    const before = await readIssue(volume.target)
    await cluster.plane.api.apply(object(`${first}${second}`))
    await holds(volume, `${first}${second}`)
    const after = await readIssue(volume.target)
    expect([after.certificate, after.privateKey]).toEqual([before.certificate, before.privateKey])
    expect(await readFile(join(after.folder, "combined.pem"), "utf8")).toContain(after.certificate.trim())
    // Somebody's mistake must not take a pod's trust away.
    await cluster.plane.api.delete({ ...object(""), namespace: stage.namespace, name })
    expect((await readIssue(volume.target)).authority.trim()).toBe(`${first}${second}`.trim())
    await certlet.unpublish(volume)
    expect((await cluster.requests(stage.namespace, volume)).length).toBe(1)
  })
})

const forbidden = (verb: string) => new RegExp(`cannot ${verb} resource \\\\*"configmaps\\\\*"`)

describe("without the right to", { timeout: 90_000 }, () => {
  const asking = { attributes: { ...quick, "trust-bundle": `ConfigMap/${name}` } }

  it("list ConfigMaps, a publish that waits for a bundle runs into its timeout, and the log says why", async () => {
    await cluster.plane.api.apply(configMap(authorities[0] ?? ""))
    const poor = await cluster.certletWithout("list", "configmaps")
    const volume = await stage.volume(poor, "list", asking)
    expect((await poor.refusal(volume, 6_000)).sentence).toContain(name)
    await poor.until("a word about list", 60_000, async () => (forbidden("list").test(poor.log()) ? true : undefined))
    await poor.unpublish(volume)
  })

  it("watch ConfigMaps, a bundle is what it was at first, and the log says why", async () => {
    await cluster.plane.api.apply(configMap(authorities[0] ?? ""))
    const poor = await cluster.certletWithout("watch", "configmaps")
    const volume = await stage.volume(poor, "watch", asking)
    await poor.publish(volume)
    await poor.until("a word about watch", 60_000, async () => (forbidden("watch").test(poor.log()) ? true : undefined))
    await poor.unpublish(volume)
  })

  it("any ConfigMap but those that are named, a publish that waits for another one runs into its timeout", async () => {
    const volume = await stage.volume(certlet, "other", { attributes: { ...quick, "trust-bundle": "ConfigMap/other" } })
    await cluster.plane.api.apply({
      ...configMap(authorities[0] ?? ""),
      metadata: { ...configMap("").metadata, name: "other" }
    })
    expect((await certlet.refusal(volume, 6_000)).sentence).toContain("other")
    await certlet.until("a word about it", 60_000, async () =>
      forbidden("list").test(certlet.log()) ? true : undefined
    )
    await certlet.unpublish(volume)
  })
})
