/**
 * The API server in this process as other people's clients meet it: kubectl, client-node, and requests as they stand on
 * the wire. kubectl is the real one, where the machine has one.
 */
import { spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { request as send } from "node:https"
import { join } from "node:path"
import { CoreV1Api, CustomObjectsApi, KubeConfig } from "@kubernetes/client-node"
import { describe, expect, it } from "vitest"
import { cluster, type RunningCluster } from "../../src/embedded/index.ts"
import { folderOfTests } from "../kit/folders.ts"
import { describeWhere } from "../kit/needs.ts"
import { until } from "../kit/until.ts"

const folder = folderOfTests("embedded")
const waiting = { deadlineMilliseconds: 60_000 }

const pod = (name: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: "web" }, ...more },
  spec: { containers: [{ name: "web", image: "web" }] }
})

const pods = "/api/v1/namespaces/apps/pods"

/** One request as the administrator. */
const call = (
  api: RunningCluster,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {}
) =>
  new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const { user } = JSON.parse(api.kubeconfig()).users[0]
    const [cert, key] = ["client-certificate-data", "client-key-data"].map((name) => Buffer.from(user[name], "base64"))
    const text = body === undefined ? "" : JSON.stringify(body)
    const length = { "content-length": Buffer.byteLength(text) }
    const options = { method, ca: api.authority, cert, key, agent: false, headers: { ...length, ...headers } }
    const outgoing = send(api.url + path, options, (answer) => {
      let answered = ""
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        answered += chunk
      })
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: answered }))
    })
    outgoing.on("error", reject).end(text)
  })

/** The same, its answer read. */
const read = async (...given: Parameters<typeof call>) => JSON.parse((await call(...given)).text)

describe("an API server in this process", () => {
  it("patches in every way that clients have", async () => {
    await using api = await cluster()
    await call(api, "POST", pods, pod("web"))
    const patch = (type: string, body: unknown) =>
      read(api, "PATCH", `${pods}/web`, body, { "content-type": `application/${type}` })
    const merged = await patch("merge-patch+json", { metadata: { labels: { app: null, tier: "front" } } })
    expect(merged.metadata.labels).toEqual({ tier: "front" })
    const side = { name: "side", image: "side" }
    const strategic = await patch("strategic-merge-patch+json", {
      spec: { $setElementOrder: ["web"], containers: [side, { name: "web", image: "web:2" }] }
    })
    expect(strategic.spec.containers).toEqual([{ name: "web", image: "web:2" }, side])
    const without = await patch("strategic-merge-patch+json", {
      spec: { containers: [{ name: "side", $patch: "delete" }] }
    })
    expect(without.spec.containers).toEqual([{ name: "web", image: "web:2" }])
    const steps = [
      { op: "test", path: "/metadata/labels/tier", value: "front" },
      { op: "add", path: "/metadata/labels/a~1b", value: "c" },
      { op: "add", path: "/spec/containers/-", value: side },
      { op: "remove", path: "/spec/containers/0" }
    ]
    const stepped = await patch("json-patch+json", steps)
    expect([stepped.metadata.labels, stepped.spec.containers]).toEqual([{ tier: "front", "a/b": "c" }, [side]])
    const wrong = await patch("json-patch+json", [{ op: "remove", path: "/spec/nothing" }])
    expect([wrong.code, wrong.message]).toEqual([400, "remove: nothing at /spec/nothing"])
  })

  it("writes the status as a subresource, and the status only", async () => {
    await using api = await cluster()
    await call(api, "POST", pods, pod("web"))
    const merge = { "content-type": "application/merge-patch+json" }
    const mixed = { status: { phase: "Running" }, spec: { hostname: "h" } }
    const byStatus = await read(api, "PATCH", `${pods}/web/status`, mixed, merge)
    expect([byStatus.status, byStatus.spec.hostname]).toEqual([{ phase: "Running" }, undefined])
    const byObject = await read(
      api,
      "PATCH",
      `${pods}/web`,
      { status: { phase: "Failed" }, spec: { hostname: "h" } },
      merge
    )
    expect([byObject.status, byObject.spec.hostname]).toEqual([{ phase: "Running" }, "h"])
  })

  it("names what wants a name, and keeps what somebody holds until it is let go", async () => {
    await using api = await cluster()
    const named = await read(api, "POST", "/api/v1/namespaces/apps/secrets", {
      kind: "Secret",
      apiVersion: "v1",
      metadata: { generateName: "key-", finalizers: ["example.com/hold"] }
    })
    expect(named.metadata.name).toMatch(/^key-[0-9a-f]{5}$/)
    const path = `/api/v1/namespaces/apps/secrets/${named.metadata.name}`
    await call(api, "DELETE", path)
    expect((await read(api, "GET", path)).metadata.deletionTimestamp).toBeDefined()
    await call(
      api,
      "PATCH",
      path,
      { metadata: { finalizers: null } },
      { "content-type": "application/merge-patch+json" }
    )
    expect((await call(api, "GET", path)).status).toBe(404)
  })

  it("lets a node's kubelet have a pod until it lets it go", async () => {
    await using api = await cluster()
    await call(api, "POST", pods, { ...pod("web"), spec: { nodeName: "node-1", containers: [] } })
    expect((await read(api, "DELETE", `${pods}/web`)).metadata).toMatchObject({ deletionGracePeriodSeconds: 30 })
    await call(api, "DELETE", `${pods}/web`, { gracePeriodSeconds: 0 })
    expect((await call(api, "GET", `${pods}/web`)).status).toBe(404)
  })

  it("takes what an object owns and what is in a namespace away with it", async () => {
    await using api = await cluster()
    const { uid } = (await read(api, "POST", pods, pod("web"))).metadata
    const owner = { apiVersion: "v1", kind: "Pod", name: "web", uid }
    const secrets = "/api/v1/namespaces/apps/secrets"
    await call(api, "POST", secrets, { kind: "Secret", metadata: { name: "owned", ownerReferences: [owner] } })
    await call(api, "POST", secrets, { kind: "Secret", metadata: { name: "free" } })
    await call(api, "DELETE", `${pods}/web`)
    expect(api.stores.secrets.all().map(({ metadata }) => metadata.name)).toEqual(["free"])
    await call(api, "POST", "/api/v1/namespaces", { kind: "Namespace", metadata: { name: "apps" } })
    await call(api, "DELETE", "/api/v1/namespaces/apps")
    expect(api.stores.secrets.all()).toEqual([])
  })

  it("streams a list as the beginning of a watch", async () => {
    await using api = await cluster()
    await call(api, "POST", pods, pod("web"))
    const query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"
    const { text } = await call(api, "GET", `${pods}?${query}`)
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(events.map(({ type }) => type)).toEqual(["ADDED", "BOOKMARK"])
    expect(events[1].object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" })
  })

  it("is as troubled as it is told to be, and gets over it", async () => {
    await using api = await cluster()
    await api.trouble({ count: 1, status: 429, retryAfter: "7" })
    expect((await call(api, "GET", pods)).status).toBe(429)
    await api.pause()
    await expect(call(api, "GET", pods)).rejects.toThrow("ECONNREFUSED")
    await api.reopen()
    expect((await call(api, "GET", pods)).status).toBe(200)
    await expect(api.approve({ namespace: "apps", name: "nobody" })).rejects.toMatchObject({ _tag: "NoSuchRequest" })
  })

  it("serves client-node", async () => {
    await using api = await cluster()
    const config = new KubeConfig()
    config.loadFromString(api.kubeconfig())
    const [core, custom] = [config.makeApiClient(CoreV1Api), config.makeApiClient(CustomObjectsApi)]
    await core.createNamespacedPod({ namespace: "apps", body: pod("web") })
    const { items } = await core.listNamespacedPod({ namespace: "apps", labelSelector: "app in (web)" })
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["web"])
    const at = { group: "cert-manager.io", version: "v1", namespace: "apps", plural: "issuers" }
    await custom.createNamespacedCustomObject({
      ...at,
      body: { kind: "Issuer", metadata: { name: "ca" }, spec: { selfSigned: {} } }
    })
    expect(await custom.getNamespacedCustomObject({ ...at, name: "ca" })).toMatchObject({ spec: { selfSigned: {} } })
  })
})

const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0

describeWhere(hasKubectl, "needs kubectl")("kubectl", () => {
  const environment = { PATH: process.env.PATH, HOME: folder, KUBECONFIG: join(folder, "kubeconfig") }

  /** What kubectl prints, on either stream. */
  const kubectl = (...args: ReadonlyArray<string>) =>
    new Promise<string>((resolve) => {
      const child = spawn("kubectl", args, { env: environment })
      let text = ""
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (bytes: Buffer) => {
          text += bytes.toString()
        })
      }
      child.on("close", () => resolve(text))
    })

  it("applies, gets, describes, changes, watches and deletes", async () => {
    await using api = await cluster()
    await api.writeKubeconfig(environment.KUBECONFIG)
    const file = join(folder, "pod.json")
    const write = (image: string) => {
      const named = pod("web", { namespace: "apps" })
      writeFileSync(file, JSON.stringify({ ...named, spec: { containers: [{ name: "web", image }] } }))
    }
    write("web:1")
    expect(await kubectl("apply", "-f", file)).toBe("pod/web created\n")
    expect(await kubectl("get", "po", "-n", "apps")).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE\nweb +0\/1 +Pending +0 +\ds\n$/
    )
    write("web:2")
    expect(await kubectl("apply", "-f", file)).toBe("pod/web configured\n")
    expect(await kubectl("apply", "-f", file)).toBe("pod/web unchanged\n")
    const involvedObject = {
      kind: "Pod",
      name: "web",
      namespace: "apps",
      uid: api.stores.pods.get("apps", "web")?.metadata.uid
    }
    const event = { type: "Warning", reason: "FailedMount", message: "no volume yet", involvedObject }
    api.stores.events.create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "web.1", namespace: "apps" },
      ...event
    })
    const described = await kubectl("describe", "pod", "web", "-n", "apps")
    expect(described).toMatch(/Image: +web:2/)
    expect(described).toMatch(/Warning +FailedMount .*no volume yet/)
    expect(await kubectl("get", "events", "-n", "apps")).toMatch(/Warning +FailedMount +pod\/web +no volume yet/)
    const watching = kubectl("get", "pods", "-n", "apps", "--watch-only", "--request-timeout=20s")
    await until("a watch", waiting, async () => api.watchesOn("pods") > 0 || undefined)
    expect(await kubectl("delete", "pod", "web", "-n", "apps")).toMatch(/^pod "web" deleted/)
    api.stores.pods.create({ ...pod("late"), metadata: { name: "late", namespace: "apps" } })
    await api.endWatches()
    expect(await watching).toMatch(/web +0\/1 +Pending[\s\S]*late +0\/1 +Pending/)
  })

  it("knows cert-manager's kinds", async () => {
    await using api = await cluster()
    await api.writeKubeconfig(environment.KUBECONFIG)
    const file = join(folder, "issuer.json")
    const spec = { selfSigned: {} }
    writeFileSync(
      file,
      JSON.stringify({ apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", metadata: { name: "ca" }, spec })
    )
    expect(await kubectl("apply", "-f", file)).toBe("clusterissuer.cert-manager.io/ca created\n")
    expect(await kubectl("apply", "--server-side", "-f", file)).toBe(
      "clusterissuer.cert-manager.io/ca serverside-applied\n"
    )
    expect(await kubectl("get", "ciss")).toMatch(/^NAME +READY +AGE\nca +\ds\n$/)
  })
})
