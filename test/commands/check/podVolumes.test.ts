/**
 * Where volumes of the driver are found: in pods and in every kind of template, in lists of them and in kinds that
 * nobody here knows, each with the object that a reader looks for and the name that a pod of it would have.
 */

import { Option } from "effect"
import { describe, expect, it } from "vitest"
import { podVolumes } from "../../../src/commands/check/podVolumes.ts"

const driver = "csi.cert-manager.io"
const volumes = [
  { name: "data", emptyDir: {} },
  { name: "other", csi: { driver: "csi.other.io" } },
  { name: "tls", csi: { driver, volumeAttributes: {} } }
]
const spec = { serviceAccountName: "web", volumes }
const template = { metadata: { labels: { app: "web" }, annotations: { a: "b" } }, spec }

const found = (value: unknown) =>
  podVolumes({ file: "a.yaml", value, placeOf: () => Option.none() }, driver, "default").map(
    ({ inline, object, path, pod, volume }) => ({ inline, object, path: path.join("."), pod: pod.name, volume })
  )

const of = (kind: string, content: object, metadata: object = { name: "web", namespace: "apps" }) => ({
  apiVersion: "v1",
  kind,
  metadata,
  ...content
})

describe("volumes are found", () => {
  it.each([
    ["Pod", { spec }, "spec.volumes.2.csi", "web"],
    ["PodTemplate", { template }, "template.spec.volumes.2.csi", "web-x7k2p"],
    ["Deployment", { spec: { template } }, "spec.template.spec.volumes.2.csi", "web-5d8f7c6b9d-x7k2p"],
    ["StatefulSet", { spec: { template } }, "spec.template.spec.volumes.2.csi", "web-0"],
    ["DaemonSet", { spec: { template } }, "spec.template.spec.volumes.2.csi", "web-x7k2p"],
    ["Job", { spec: { template } }, "spec.template.spec.volumes.2.csi", "web-x7k2p"],
    [
      "CronJob",
      { spec: { jobTemplate: { spec: { template } } } },
      "spec.jobTemplate.spec.template.spec.volumes.2.csi",
      "web-29371680-x7k2p"
    ],
    ["Rollout", { spec: { workload: { template } } }, "spec.workload.template.spec.volumes.2.csi", "web-x7k2p"]
  ])("in a %s", (kind, content, path, pod) => {
    const object = { kind, namespace: "apps", name: "web" }
    expect(found(of(kind, content))).toEqual([{ inline: true, object, path, pod, volume: "tls" }])
  })

  it("in a list, each with its own object", () => {
    const items = [of("Pod", { spec }, { generateName: "web-" }), of("Pod", { spec }, { name: "b", namespace: "c" })]
    expect(found({ apiVersion: "v1", kind: "PodList", items })).toMatchObject([
      { object: { namespace: "default", name: "web-" }, path: "items.0.spec.volumes.2.csi", pod: "web-x7k2p" },
      { object: { namespace: "c", name: "b" }, path: "items.1.spec.volumes.2.csi", pod: "b" }
    ])
  })

  it("with what the template says of the pod", () => {
    const manifest = { file: "a.yaml", value: of("Job", { spec: { template } }), placeOf: () => Option.none() }
    expect(podVolumes(manifest, driver, "default")[0]?.pod).toEqual({
      name: "web-x7k2p",
      serviceAccount: "web",
      labels: { app: "web" },
      annotations: { a: "b" }
    })
  })

  it("as a PersistentVolume, which has no namespace", () => {
    const object = { kind: "PersistentVolume", namespace: "", name: "pv" }
    expect(found(of("PersistentVolume", { spec: { csi: { driver } } }, { name: "pv" }))).toMatchObject([
      { inline: false, object, path: "spec.csi", volume: "pv" }
    ])
  })

  it("nowhere in what is no object at all", () => {
    for (const value of [undefined, null, 1, "text", [], [[null]], { spec: { volumes: [null, 1, { csi: 5 }] } }]) {
      expect(found(value)).toEqual([])
    }
  })
})

describe("an object that holds itself, as an alias of YAML can make it,", () => {
  it("is looked at once", () => {
    const list: Record<string, unknown> = { kind: "List", apiVersion: "v1" }
    list.items = [of("Pod", { spec }), list]
    expect(found(list).map(({ path }) => path)).toEqual(["items.0.spec.volumes.2.csi"])
  })

  it("is looked at in each place where it stands beside itself", () => {
    const pod = of("Pod", { spec })
    expect(found({ items: [pod, pod] }).map(({ path }) => path)).toEqual([
      "items.0.spec.volumes.2.csi",
      "items.1.spec.volumes.2.csi"
    ])
  })
})
