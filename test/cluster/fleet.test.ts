// `kubectl certlet` in a real cluster: two nodes with a kubelet and containerd each, certlet on both as the manifest's
// own pod, and an operator with the rights that the manual grants and no others. The API server, the kubelet and the
// container runtime carry the command into certlet's containers; what comes back is one table.
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { loadYaml } from "@kubernetes/client-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { certletImage } from "./certletImage.ts"
import { DaemonSetPod } from "./DaemonSetPod.ts"
import { certificateVolume, type NodePod } from "./NodePod.ts"
import type { Manifest } from "./objects.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import type { WorkerNode } from "./WorkerNode.ts"

const folder = mkdtempSync(join(tmpdir(), "certlet-fleet-test-"))
const manual = readFileSync(join(import.meta.dirname, "../../k8s/README.md"), "utf8")

let cluster: RealCluster
let nodes: ReadonlyArray<WorkerNode>
let stage: Stage
let operator: string

/** The role of the manual, without the rules that name a resource. */
const grant = async (user: string, without: string): Promise<void> => {
  const [, text = ""] = /```yaml\n(apiVersion: rbac[\s\S]*?name: certlet-operator[\s\S]*?)```/.exec(manual) ?? []
  const role = loadYaml<Manifest & { readonly rules: ReadonlyArray<{ readonly resources: ReadonlyArray<string> }> }>(
    text
  )
  const rules = role.rules.filter(({ resources }) => !resources.includes(without))
  expect(rules.length).toBeGreaterThan(2)
  await cluster.plane.api.apply({ ...role, metadata: { name: user }, rules })
  await cluster.plane.api.apply({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: user },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }]
  })
}

beforeAll(async () => {
  cluster = await RealCluster.start()
  nodes = [await cluster.node(), await cluster.node({ name: "node-2" })]
  stage = await cluster.stage("fleet")
  const image = await certletImage(cluster.program)
  for (const node of nodes) {
    await node.load(image)
    await DaemonSetPod.start(node, { hostNetwork: node.name === "node-2" })
  }
  await grant("operator", "none")
  operator = await cluster.plane.clientCertificateKubeconfig("operator", [])
}, clusterLimitMilliseconds)

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await cluster?.stop()
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the plugin as it ships. */
const plugin = (kubeconfig: string, ...args: ReadonlyArray<string>): Promise<Ended> =>
  new Promise((resolve) => {
    const link = join(folder, "kubectl-certlet")
    if (!existsSync(link)) symlinkSync(cluster.program, link)
    const options = {
      encoding: "utf8",
      timeout: 180_000,
      env: { PATH: process.env.PATH, KUBECONFIG: kubeconfig }
    } as const
    const child = execFile(process.execPath, [link, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr })
    )
  })

const run = (name: string, node: WorkerNode | undefined): Promise<NodePod> => {
  if (node === undefined) throw new Error("there is no such node")
  const spec = { hostNetwork: node.name === "node-2" }
  return node.run({ namespace: "fleet", name, volumes: { tls: certificateVolume(stage.issuer.ref) }, spec })
}

describe("an operator of two nodes", { timeout: 400_000 }, () => {
  it("sees both in one table, has a pod renewed wherever it is, and reads all that is known of it", async () => {
    const [web, mail] = [await run("web", nodes[0]), await run("mail", nodes[1])]
    await Promise.all([web.running(), mail.running()])
    const all = await plugin(operator, "status", "--wait", "60s")
    expect(all.stderr).toMatch(/^2 volumes on 2 nodes: 2 Ready/)
    expect(all.stdout).toMatch(/^NODE +POD .*\nnode-1 +fleet\/web .*Ready.*\nnode-2 +fleet\/mail .*Ready.*\n$/)
    expect(all.code).toBe(0)
    const serial = async () => JSON.parse((await plugin(operator, "status", "--node", "node-2", "-o", "json")).stdout)
    const before = await serial()
    const renewed = await plugin(operator, "renew", "-n", "fleet", "mail")
    expect(renewed).toMatchObject({ code: 0, stderr: "" })
    expect(renewed.stdout).toMatch(/^pod fleet\/mail, volume tls: renewed/)
    const after = await serial()
    const numbers = [before, after].map(({ nodes }) => nodes[0].volumes[0].certificate.serialNumber)
    expect(numbers[0]).not.toBe(numbers[1])
    const described = await plugin(operator, "describe", "fleet/mail")
    expect(described).toMatchObject({ code: 0, stderr: "" })
    expect(described.stdout).toMatch(/^Node node-2, served by certlet /)
    expect(described.stdout).toMatch(/\n {2}CertificateRequest fleet\/\S+\n {4}Approved: +True .*\n {4}Ready: +True /)
    expect(described.stdout).toMatch(/\n {2}Issuer fleet\/ca\n {4}Ready: +True /)
    await Promise.all([web.delete(), mail.delete()])
  })

  it("is told of a node that does not answer, and of a right that is missing", async () => {
    const labels = { "app.kubernetes.io/name": "certlet" }
    await cluster.plane.createPod("cert-manager", "certlet-away", { nodeName: "node-3", labels })
    const away = await plugin(operator, "status")
    expect(away.code).toBe(1)
    expect(away.stderr).toContain("node node-3 does not answer (pod cert-manager/certlet-away): its pod is Pending\n")
    await grant("spectator", "pods/exec")
    const spectator = await cluster.plane.clientCertificateKubeconfig("spectator", [])
    const refused = await plugin(spectator, "status", "--node", "node-1")
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/node node-1 does not answer .*User "spectator" cannot \w+ resource "pods\/exec"/)
    expect(refused.stderr).toContain('"resources":["pods/exec"],"verbs":["create","get"]')
  })
})
