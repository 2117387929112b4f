// The Helm chart and the manifest beside it: the one is what the other renders to, the API server takes what they say
// to the last field, with every setting in turn, and a value that is misspelt or cannot be is refused by Helm before
// anything is applied. What the security of a node rests on is read back from the object that the API server has
// stored.
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { loadAllYaml, loadYaml } from "@kubernetes/client-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { version } from "../../src/Version.ts"
import { buildTool, monitoringCrds } from "./build.ts"
import { render, renderShipped } from "./chart.ts"
import { applyManifest, chartFolder, shippedManifest } from "./manifests.ts"
import { at, type KubeObject, listAt } from "./objects.ts"
import { account, clusterLimitMilliseconds, RealCluster } from "./RealCluster.ts"

let cluster: RealCluster

beforeAll(async () => {
  // The first run on a machine builds Helm, which takes longer than a test may.
  await buildTool("helm")
  cluster = await RealCluster.start()
  await cluster.plane.installCrds(await monitoringCrds())
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const daemonSet = async (name = "certlet"): Promise<KubeObject> => {
  const found = await cluster.plane.api.get({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    namespace: account.namespace,
    name
  })
  if (found === undefined) throw new Error(`there is no DaemonSet ${name}`)
  return found
}

const podSpec = (set: KubeObject) => at(set, "spec", "template", "spec")

const argumentsOf = (set: KubeObject) => listAt(podSpec(set), "containers", 0, "args")

describe("the shipped manifest", { timeout: 60_000 }, () => {
  it("is what the chart renders to", async () => {
    expect(await readFile(shippedManifest, "utf8")).toBe(await renderShipped())
  })

  it("runs one container, privileged for its mounts and for nothing else", async () => {
    const set = await daemonSet()
    const containers = listAt(podSpec(set), "containers")
    expect(containers).toHaveLength(1)
    expect(at(podSpec(set), "initContainers")).toBeUndefined()
    expect(at(containers[0], "securityContext")).toEqual({
      privileged: true,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsGroup: 0
    })
    expect(at(podSpec(set), "securityContext")).toEqual({ seccompProfile: { type: "RuntimeDefault" } })
    for (const shared of ["hostNetwork", "hostPID", "hostIPC"]) expect(at(podSpec(set), shared)).toBeUndefined()
    const mounts = listAt(containers[0], "volumeMounts")
    expect(mounts.filter((mount) => at(mount, "mountPropagation") !== undefined)).toEqual([
      { name: "pods", mountPath: "/var/lib/kubelet/pods", mountPropagation: "Bidirectional" }
    ])
  })

  it("runs everywhere, with a priority, a limit of memory and probes", async () => {
    const set = await daemonSet()
    expect(at(podSpec(set), "tolerations")).toEqual([{ operator: "Exists" }])
    expect(at(podSpec(set), "priorityClassName")).toBe("system-node-critical")
    const container = at(podSpec(set), "containers", 0)
    expect(at(container, "resources", "limits")).toEqual({ memory: "512Mi" })
    expect(at(container, "livenessProbe", "httpGet", "path")).toBe("/livez")
    expect(at(container, "readinessProbe", "httpGet", "path")).toBe("/readyz")
  })

  it("gives flags that this certlet understands", async () => {
    const texts = ["AdminPlace.ts", "run/runFlags.ts", "run/kubeFlags.ts"].map((path) =>
      readFile(new URL(`../../src/commands/${path}`, import.meta.url), "utf8")
    )
    const known = (await Promise.all(texts)).join("")
    const flags = argumentsOf(await daemonSet()).flatMap((one) => String(one).match(/^--([a-z-]+)/)?.[1] ?? [])
    expect(flags.length).toBeGreaterThan(8)
    expect(flags.filter((flag) => !known.includes(`"${flag}"`))).toEqual([])
  })
})

const everything = {
  nameOverride: "other",
  image: { registry: "registry.example.com", repository: "infra/certlet", digest: `sha256:${"a".repeat(64)}` },
  imagePullSecrets: [{ name: "pull" }],
  app: {
    logLevel: 5,
    kubeletRootDir: "/var/lib/k0s/kubelet",
    driver: {
      name: "other.example.com",
      useTokenRequest: true,
      continueOnNotReady: true,
      kubernetesAPIQPS: 12.5,
      kubernetesAPIBurst: 20,
      podReadinessGates: ["pod-ip:any", "pod-condition:example.com/ready=True"],
      gateBackoff: { duration: "2s", factor: 3 }
    }
  },
  commonLabels: { team: "infra" },
  daemonSetAnnotations: { one: "1" },
  podAnnotations: { two: "2" },
  podLabels: { three: "3" },
  extraEnv: [{ name: "OTEL_SERVICE_NAME", value: "certlet" }],
  affinity: { nodeAffinity: {} },
  metrics: {
    podmonitor: {
      enabled: true,
      labels: { release: "prometheus" },
      endpointAdditionalProperties: {
        relabelings: [{ action: "replace", sourceLabels: ["__meta_kubernetes_pod_node_name"], targetLabel: "node" }]
      }
    },
    prometheusRule: { enabled: true, annotations: { owner: "infra" } },
    dashboard: { enabled: true }
  },
  hostNetwork: true,
  updateStrategy: { type: "OnDelete" },
  networkPolicy: { enabled: true, extraEgress: [{ ports: [{ protocol: "TCP", port: 4318 }] }] },
  openshift: { securityContextConstraint: { enabled: true, name: "certlet-scc" } }
}

describe("the chart", { timeout: 60_000 }, () => {
  it("with every setting is taken by the API server to the last field", async () => {
    await applyManifest(cluster.plane.api, await render(everything))
    const set = await daemonSet("other")
    const container = at(podSpec(set), "containers", 0)
    expect(at(container, "image")).toBe(`registry.example.com/infra/certlet@sha256:${"a".repeat(64)}`)
    expect(argumentsOf(set)).toEqual(
      expect.arrayContaining([
        "--endpoint=unix:///var/lib/k0s/kubelet/plugins/other.example.com/csi.sock",
        "--kubelet-root-dir=/var/lib/k0s/kubelet",
        "--use-token-request",
        "--continue-on-not-ready",
        "--kube-api-qps=12.5",
        "--pod-readiness-gate=pod-ip:any",
        "--pod-readiness-gate=pod-condition:example.com/ready=True",
        "--gate-backoff-duration=2s",
        "--gate-backoff-factor=3"
      ])
    )
    const driver = await cluster.plane.api.get({
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIDriver",
      name: "other.example.com"
    })
    expect(at(driver, "spec", "tokenRequests")).toEqual([{ audience: "" }])
    expect(at(driver, "spec", "serviceAccountTokenInSecrets")).toBe(true)
    const role = await cluster.plane.api.get({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      name: "other"
    })
    for (const kind of ["PodMonitor", "PrometheusRule"]) {
      const monitoring = { apiVersion: "monitoring.coreos.com/v1", kind, namespace: account.namespace, name: "other" }
      expect(at(await cluster.plane.api.get(monitoring), "metadata", "labels", "team")).toBe("infra")
    }
    // It is the pod's own ServiceAccount that creates then.
    expect(at(role, "rules", 0, "verbs")).toEqual(["delete", "list", "watch"])
  })

  it("asks for a PodMonitor and a SecurityContextConstraint where they are wanted, or where OpenShift is", async () => {
    const monitored = await render({ metrics: { podmonitor: { enabled: true, labels: { release: "prometheus" } } } })
    expect(monitored).toMatch(/kind: PodMonitor[\s\S]*release: prometheus[\s\S]*port: metrics/)
    expect(await render()).not.toContain("securitycontextconstraints")
    const openshift = await render({}, "--api-versions", "security.openshift.io/v1/SecurityContextConstraints")
    expect(openshift).toMatch(/resources: \[securitycontextconstraints\]\n +resourceNames: \[privileged\]/)
  })

  it("makes a PrometheusRule of the alert rules and a ConfigMap of the dashboard where they are wanted", async () => {
    for (const kind of ["PrometheusRule", "ConfigMap"]) expect(await render()).not.toContain(`kind: ${kind}\n`)
    const labels = { release: "prometheus" }
    const metrics = { prometheusRule: { enabled: true, labels }, dashboard: { enabled: true } }
    const objects = loadAllYaml(await render({ metrics }))
    const rule = objects.find((object) => at(object, "kind") === "PrometheusRule")
    expect(at(rule, "metadata", "labels", "release")).toBe("prometheus")
    const rules = loadYaml(await readFile(join(chartFolder, "files/alerts.yaml"), "utf8"))
    expect(at(rule, "spec")).toEqual(rules)
    const dashboard = objects.find((object) => at(object, "metadata", "labels", "grafana_dashboard") === "1")
    const shown: unknown = JSON.parse(String(at(dashboard, "data", "certlet.json")))
    expect(shown).toEqual(JSON.parse(await readFile(join(chartFolder, "files/dashboard.json"), "utf8")))
  })

  it("takes the alerts' thresholds from its values, each where it belongs", async () => {
    const thresholds = { renewalTimeLeft: 0.31, requestSeconds: 1201, publishSeconds: 47, failedCalls: 0.73 }
    const metrics = { prometheusRule: { enabled: true, thresholds } }
    const objects = loadAllYaml(await render({ metrics }))
    const rule = objects.find((object) => at(object, "kind") === "PrometheusRule")
    const rules = at(rule, "spec", "groups", 0, "rules")
    const expressions = Object.fromEntries(
      (Array.isArray(rules) ? rules : []).map((one: unknown) => [String(at(one, "alert")), String(at(one, "expr"))])
    )
    expect(expressions.CertletCertificateNearExpiry).toContain("< 0.31 * ")
    expect(expressions.CertletRequestsWaitLong).toMatch(/> 1201$/)
    expect(expressions.CertletPublishSlow).toMatch(/> 47$/)
    expect(expressions.CertletApiCallsFail).toContain("> 0.73 * ")
  })

  it("takes the values of the driver that it replaces, and uses what has a meaning", async () => {
    const theirs = {
      imageRegistry: "quay.io",
      imageNamespace: "jetstack",
      image: { repository: "", name: "cert-manager-csi-driver", pullPolicy: "Always", tag: "v0.16.0" },
      livenessProbeImage: { name: "livenessprobe", repository: "", tag: "v2.18.0", _defaultReference: ":v0.0.0" },
      nodeDriverRegistrarImage: { repository: "registry.k8s.io/sig-storage/csi-node-driver-registrar" },
      app: { driver: { csiDataDir: "/tmp/cert-manager-csi-driver", useTokenRequest: true } },
      priorityClassName: "",
      tolerations: []
    }
    const objects = loadAllYaml(await render(theirs))
    const set = objects.find((object) => at(object, "kind") === "DaemonSet")
    const container = at(set, "spec", "template", "spec", "containers", 0)
    expect([at(container, "image"), at(container, "imagePullPolicy")]).toEqual([`certlet:${version}`, "Always"])
    expect(at(container, "args")).toContain("--use-token-request")
    const volumes = listAt(set, "spec", "template", "spec", "volumes")
    expect(volumes.map((volume) => at(volume, "hostPath", "path"))).toContain("/run/certlet")
    const older = await render({ image: { repository: "quay.io/jetstack/cert-manager-csi-driver", tag: "v0.8.0" } })
    expect(older).toContain(`image: "certlet:${version}"`)
    const mirrored = { imageRegistry: "mirror.example.com", imageNamespace: "infra", image: { name: "certlet" } }
    expect(await render({ ...mirrored, image: { name: "certlet", repository: "" } })).toContain(
      `image: "mirror.example.com/infra/certlet:${version}"`
    )
  })

  it("asks for tokens among a call's secrets where the cluster knows how, and only with token requests", async () => {
    const asking = { app: { driver: { useTokenRequest: true } } }
    expect(await render(asking, "--kube-version", "1.35.0")).toContain("serviceAccountTokenInSecrets: true")
    expect(await render(asking, "--kube-version", "1.34.9")).not.toContain("serviceAccountTokenInSecrets")
    expect(await render()).not.toContain("serviceAccountTokenInSecrets")
  })

  it("takes paths with slashes to spare, as the kubelet and mount(8) do not", async () => {
    const spare = { app: { kubeletRootDir: "/var//lib/kubelet/", driver: { csiDataDir: "/run//certlet/" } } }
    expect(await render(spare)).toBe(await render())
    const theirs = { app: { driver: { csiDataDir: "/tmp/cert-manager-csi-driver/" } } }
    expect(await render(theirs)).toBe(await render())
  })

  it("gives names, accounts, volumes and further objects as they are asked for", async () => {
    const text = await render({
      fullnameOverride: "pki",
      serviceAccount: { create: false, name: "theirs" },
      extraVolumes: [{ name: "ca", configMap: { name: "proxy-ca" } }],
      extraVolumeMounts: [{ name: "ca", mountPath: "/ca" }],
      extraObjects: ["kind: Told\nname: {{ .Release.Name }}", { kind: "Plain" }]
    })
    const objects = loadAllYaml(text)
    expect(objects.map((object) => at(object, "kind"))).toEqual(expect.arrayContaining(["Told", "Plain"]))
    expect(objects.find((object) => at(object, "kind") === "Told")).toEqual({ kind: "Told", name: "certlet" })
    expect(objects.find((object) => at(object, "kind") === "ServiceAccount")).toBeUndefined()
    const set = objects.find((object) => at(object, "kind") === "DaemonSet")
    expect([at(set, "metadata", "name"), at(podSpec(set ?? {}), "serviceAccountName")]).toEqual(["pki", "theirs"])
    expect(listAt(podSpec(set ?? {}), "volumes").at(-1)).toEqual({ name: "ca", configMap: { name: "proxy-ca" } })
    expect(listAt(podSpec(set ?? {}), "containers", 0, "volumeMounts").at(-1)).toEqual({ name: "ca", mountPath: "/ca" })
    const binding = objects.find((object) => at(object, "kind") === "ClusterRoleBinding")
    expect(at(binding, "subjects", 0, "name")).toBe("theirs")
  })

  it.each([
    ["a key that nobody knows", { app: { drivr: {} } }, "drivr"],
    ["a relative folder", { app: { kubeletRootDir: "var/lib" } }, "app.kubeletRootDir must be an absolute path"],
    ["an unknown gate", { app: { driver: { podReadinessGates: ["pod-ip:ipv5"] } } }, "pod-annotation:KEY"],
    ["gates that cannot open", { app: { driver: { podReadinessGates: ["pod-ip:any"] } } }, "continueOnNotReady=true"],
    [
      "a status that no condition has",
      { app: { driver: { continueOnNotReady: true, podReadinessGates: ["pod-condition:Ready=maybe"] } } },
      "pod-condition:TYPE[=True|False|Unknown]"
    ],
    [
      "a text that is no duration",
      { app: { driver: { gateBackoff: { cap: "soon" } } } },
      "gateBackoff.cap must be a duration"
    ],
    [
      "a longer pause than an hour",
      { app: { driver: { gateBackoff: { cap: "61m" } } } },
      "must be at most 1h, not 61m"
    ],
    ["a name that is no domain's", { app: { driver: { name: "a..b" } } }, "app.driver.name must be a domain name"],
    ["a text that is no domain", { app: { driver: { clusterDomain: "a..b" } } }, "app.driver.clusterDomain must"],
    ["a detour in a path", { app: { driver: { csiDataDir: "/a/../b" } } }, 'without "." and ".."'],
    ["a socket with too long a path", { app: { kubeletRootDir: `/${"k".repeat(90)}` } }, "107 bytes"],
    ["two doors at one port", { app: { livenessProbe: { port: 9402 } } }, "must differ: both are 9402"],
    ["a timeout out of range", { app: { driver: { publishTimeout: "5m" } } }, "from 1s to 115s, not 5m"],
    ["a timeout of none", { app: { driver: { publishTimeout: "500ms" } } }, "from 1s to 115s"],
    ["a size out of range", { app: { driver: { volumeSizeLimit: "1Ki" } } }, "from 64Ki to 16Gi, not 1Ki"],
    ["a name that no object can have", { nameOverride: "My_Name" }, "nameOverride must be a Kubernetes name"],
    ["another's account without a name", { serviceAccount: { create: false } }, "needs serviceAccount.name"],
    ["a number that is a text", { metrics: { port: "9402" } }, "port"]
  ])("refuses %s by its name", async (_, values, field) => {
    await expect(render(values)).rejects.toThrow(field)
  })
})
