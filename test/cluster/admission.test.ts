// The chart's admission policy on the real API server: an object with faults is answered with all of them, in a pod and
// in every kind of workload; what runs already is not held up; and over the corpus and every attribute with odd values
// it never refuses what `certlet check`, and so the driver, takes.
import { readFileSync } from "node:fs"
import { Effect, Option } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { checkVolume } from "../../src/commands/check/checkVolume.ts"
import { podVolumes } from "../../src/commands/check/podVolumes.ts"
import { attributeNames } from "../../src/spec/Attributes.ts"
import { until } from "../kit/until.ts"
import { buildTool } from "./build.ts"
import { render } from "./chart.ts"
import { applyManifest } from "./manifests.ts"
import { clusterLimitMilliseconds, RealCluster } from "./RealCluster.ts"

const ours = "csi.cert-manager.io/"
const site = {
  nodeId: "node",
  clusterDomain: "cluster.local",
  continueOnNotReady: true,
  podReadinessGates: [],
  defaultAttributes: {}
}

let cluster: RealCluster

type Texts = Readonly<Record<string, string>>

const specWith = (...volumes: ReadonlyArray<Texts>) => ({
  containers: [{ name: "web", image: "web" }],
  volumes: volumes.map((attributes, at) => ({
    name: `v${at}`,
    csi: { driver: "csi.cert-manager.io", readOnly: true, volumeAttributes: attributes }
  }))
})

const prefixed = (attributes: Texts): Texts =>
  Object.fromEntries(Object.entries(attributes).map(([key, text]) => [key.includes("/") ? key : ours + key, text]))

const metadata = { name: "web", namespace: "policy" }
const labels = { app: "web" }
const template = (spec: object) => ({ metadata: { labels }, spec })
const selector = { matchLabels: labels }

/** The API server's answer to an object that is tried and not stored; undefined where it is taken. */
const refusal = async (object: { readonly apiVersion: string; readonly kind: string }): Promise<string | undefined> => {
  const path = await cluster.plane.api.pathOf({ ...object, namespace: "policy" })
  return cluster.plane.api
    .request("POST", path, { query: { dryRun: "All" }, body: { ...object, metadata } })
    .then(() => undefined)
    .catch((error: Error) => error.message)
}

const podWith = (...volumes: ReadonlyArray<Texts>) => ({ apiVersion: "v1", kind: "Pod", spec: specWith(...volumes) })

const isRefusedByDriver = (attributes: Texts): boolean => {
  const value = { ...podWith(attributes), metadata }
  const volumes = podVolumes({ file: "-", value, placeOf: () => Option.none() }, "csi.cert-manager.io", "policy")
  return volumes.some((volume) =>
    Effect.runSync(checkVolume(volume, { site, strict: false })).findings.some(({ severity }) => severity === "error")
  )
}

beforeAll(async () => {
  await buildTool("helm")
  cluster = await RealCluster.start()
  await cluster.plane.createNamespace("policy")
  await applyManifest(cluster.plane.api, await render({ admissionPolicy: { enabled: true, action: "Deny" } }))
  const deadlineMilliseconds = 60_000
  await until("the policy to be in force", { deadlineMilliseconds }, () => refusal(podWith({})))
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const wrong = prefixed({
  "is-ca": "maybe",
  duration: "1 day",
  "key-size": "1000",
  "jks-enable": "true",
  "key-encoding": "PEM"
})

describe("the admission policy", { timeout: 300_000 }, () => {
  it("answers with every fault of every volume at once", async () => {
    const said = (await refusal(podWith(wrong, prefixed({ "issuer-name": "ca", "key-algorithm": "DSA" })))) ?? ""
    for (const name of ["issuer-name", "is-ca", "duration", "key-size", "jks-password", "key-encoding"]) {
      expect(said).toContain(`volume v0: ${ours}${name} `)
    }
    expect(said).toContain(`volume v1: ${ours}key-algorithm must be one of RSA, ECDSA, Ed25519`)
    expect(said).not.toContain(`volume v1: ${ours}issuer-name`)
  })

  it.each([
    ["v1", "ReplicationController", (spec: object) => ({ selector: labels, template: template(spec) })],
    ["apps/v1", "Deployment", (spec: object) => ({ selector, template: template(spec) })],
    ["apps/v1", "StatefulSet", (spec: object) => ({ selector, serviceName: "web", template: template(spec) })],
    ["apps/v1", "DaemonSet", (spec: object) => ({ selector, template: template(spec) })],
    ["apps/v1", "ReplicaSet", (spec: object) => ({ selector, template: template(spec) })],
    ["batch/v1", "Job", (spec: object) => ({ template: template({ ...spec, restartPolicy: "Never" }) })],
    [
      "batch/v1",
      "CronJob",
      (spec: object) => ({
        schedule: "@daily",
        jobTemplate: { spec: { template: template({ ...spec, restartPolicy: "Never" }) } }
      })
    ]
  ])("sees the template of a %s %s", async (apiVersion, kind, specOf) => {
    expect(await refusal({ apiVersion, kind, ...{ spec: specOf(specWith(wrong)) } })).toContain(`${ours}is-ca must be`)
    const sound = prefixed({ "issuer-name": "ca", "is-ca": "true", duration: "1h30m" })
    expect(await refusal({ apiVersion, kind, ...{ spec: specOf(specWith(sound)) } })).toBeUndefined()
  })

  it("leaves other drivers, and pods without volumes, alone", async () => {
    const csi = { driver: "csi.other.io", volumeAttributes: wrong }
    const spec = { ...specWith(), volumes: [{ name: "other", csi }] }
    expect(await refusal({ ...podWith(), ...{ spec } })).toBeUndefined()
    expect(
      await refusal({ ...podWith(), ...{ spec: { containers: [{ name: "web", image: "web" }] } } })
    ).toBeUndefined()
  })

  it("never refuses what the driver takes", async () => {
    const blocks = readFileSync(new URL("../spec/otherDriver.jsonl", import.meta.url), "utf8")
      .trimEnd()
      .split("\n")
      .map((line): Texts => JSON.parse(line).asks)
    const odd = [
      "",
      " ",
      "true",
      "TRUE",
      "maybe",
      "1",
      "+2048",
      "4096",
      "-0",
      "1h",
      "1.5h",
      ".5h",
      "1 day",
      "rsa",
      "Ed25519 "
    ]
    const values = [...odd, "PKCS1", "${POD_NAME}", "$", "0440", "440", "ca", "generate", "Issuer", "Foo"]
    const generated = attributeNames.flatMap((name) => values.map((text): Texts => ({ [name]: text })))
    const pairs = values.flatMap(
      (text): ReadonlyArray<Texts> => [
        { "jks-enable": "false", "jks-password-from": text, "truststore-enable": text },
        { "pkcs12-enable": "false", "pkcs12-profile": text },
        { "pkcs12-enable": "true", "pkcs12-password": "x", "pkcs12-profile": text },
        { "key-algorithm": "ECDSA", "key-size": text, "key-encoding": text },
        { "is-ca": text, "permitted-dns-domains": "a.example" }
      ]
    )
    let denied = 0
    const unjust: Array<Texts> = []
    for (const block of [...blocks, ...generated, ...pairs]) {
      const attributes = prefixed({ "issuer-name": "ca", ...block })
      if ((await refusal(podWith(attributes)))?.includes("ValidatingAdmissionPolicy") !== true) continue
      denied++
      if (!isRefusedByDriver(attributes)) unjust.push(block)
    }
    expect(unjust).toEqual([])
    expect(denied).toBeGreaterThan(150)
  })

  it("lets an object with faults change, as long as its volumes stay", async () => {
    const { api } = cluster.plane
    const policy = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      name: "certlet-attributes"
    }
    const binding = await api.get(policy)
    await api.delete(policy)
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata }
    const spec = { selector, template: template(specWith(wrong)) }
    const deadlineMilliseconds = 60_000
    await until("the policy to be gone", { deadlineMilliseconds }, async () =>
      (await refusal({ ...deployment, ...{ spec } })) === undefined ? true : undefined
    )
    await api.apply({ ...deployment, spec })
    if (binding === undefined) throw new Error("there was no binding")
    await applyManifest(api, await render({ admissionPolicy: { enabled: true, action: "Deny" } }))
    await until("the policy to be in force again", { deadlineMilliseconds }, () => refusal(podWith({})))
    await api.patch({ ...deployment, ...metadata }, { spec: { replicas: 3 } })
    const worse = { template: { spec: specWith({ ...wrong, [`${ours}spiffe`]: "x" }) } }
    await expect(api.patch({ ...deployment, ...metadata }, { spec: worse })).rejects.toThrow(`${ours}spiffe must be`)
  })
})
