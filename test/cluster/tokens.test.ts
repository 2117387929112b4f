// Requests in the name of the pod: the chart's rights and CSIDriver object for token requests, a real kubelet that
// hands its tokens over, and policies of the API server that look at who asks. certlet itself may create no request
// here. One policy writes the asker into the request, as cert-manager's webhook does for approvers to read; the other
// lets a pod ask for itself alone, by the pod that the token is bound to.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { until } from "../kit/until.ts"
import { certletImage } from "./certletImage.ts"
import { render } from "./chart.ts"
import { DaemonSetPod } from "./DaemonSetPod.ts"
import { applyManifest } from "./manifests.ts"
import { certificateVolume, type NodePod } from "./NodePod.ts"
import { at, type KubeObject, textAt } from "./objects.ts"
import { account, clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"
import type { WorkerNode } from "./WorkerNode.ts"

let cluster: RealCluster
let node: WorkerNode
let certlet: DaemonSetPod
let stage: Stage

const admission = "admissionregistration.k8s.io/v1"
const created = {
  matchConstraints: {
    resourceRules: [
      {
        apiGroups: ["cert-manager.io"],
        apiVersions: ["v1"],
        resources: ["certificaterequests"],
        operations: ["CREATE"]
      }
    ]
  },
  failurePolicy: "Fail"
}
const podUid = "authentication.kubernetes.io/pod-uid"

/** Policies and their bindings; they are in force a moment after they were made. */
const applyPolicies = async () => {
  const { api } = cluster.plane
  const policies = [
    {
      kind: "MutatingAdmissionPolicy",
      name: "who-asks",
      spec: {
        ...created,
        reinvocationPolicy: "Never",
        mutations: [
          {
            patchType: "ApplyConfiguration",
            applyConfiguration: {
              expression: "Object{spec: Object.spec{username: request.userInfo.username}}"
            }
          }
        ]
      }
    },
    {
      kind: "ValidatingAdmissionPolicy",
      name: "for-itself",
      spec: {
        ...created,
        validations: [
          {
            expression: `'${podUid}' in request.userInfo.extra && request.userInfo.extra['${podUid}'][0] == object.metadata.ownerReferences[0].uid`,
            message: "a pod asks for itself alone"
          }
        ]
      }
    }
  ] as const
  for (const { kind, name, spec } of policies) {
    await api.apply({ apiVersion: admission, kind, metadata: { name }, spec })
    const binding = {
      policyName: name,
      ...(kind === "ValidatingAdmissionPolicy" ? { validationActions: ["Deny"] } : {})
    }
    await api.apply({ apiVersion: admission, kind: `${kind}Binding`, metadata: { name }, spec: binding })
  }
  await until("the policies to be in force", { deadlineMilliseconds: 30_000 }, async () => {
    const said = await refusal()
    if (said.includes("asks for itself alone")) return true
    throw new Error(said)
  })
}

/** What the API server says to an administrator who asks for a certificate in a pod's place. */
const refusal = async (): Promise<string> => {
  const request = {
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    metadata: { namespace: stage.namespace, name: "not-a-pod", ownerReferences: [pretended] },
    spec: { request: Buffer.from("x").toString("base64"), issuerRef: stage.issuer.ref }
  }
  const answer = await cluster.plane.api.create(request).catch(String)
  if (typeof answer === "string") return answer
  const { apiVersion, kind, metadata } = request
  await cluster.plane.api.delete({ apiVersion, kind, namespace: metadata.namespace, name: metadata.name })
  return "created"
}
const pretended = { apiVersion: "v1", kind: "Pod", name: "web", uid: "11111111-2222-4333-8444-555555555555" }

/** Lets a ServiceAccount of the stage ask for certificates. */
const letAsk = async (serviceAccount: string) => {
  const { namespace } = stage
  const rbac = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { namespace, name: `${serviceAccount}-asks` } }
  const rules = [{ apiGroups: ["cert-manager.io"], resources: ["certificaterequests"], verbs: ["create"] }]
  await cluster.plane.api.apply({ ...rbac, kind: "Role", rules })
  await cluster.plane.api.apply({
    ...rbac,
    kind: "RoleBinding",
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: rbac.metadata.name },
    subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace }]
  })
}

beforeAll(async () => {
  cluster = await RealCluster.start()
  await applyManifest(cluster.plane.api, await render({ app: { driver: { useTokenRequest: true } } }))
  await cluster.waitForRight(account.serviceAccount, "create", false)
  stage = await cluster.stage("tokens")
  await applyPolicies()
  await cluster.plane.createServiceAccount(stage.namespace, "web")
  await letAsk("web")
  node = await cluster.node()
  await node.load(await certletImage(cluster.program))
  // The chart has given it the flag.
  certlet = await DaemonSetPod.start(node)
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const run = (name: string, serviceAccountName: string, attributes: Readonly<Record<string, string>> = {}) =>
  node.run({
    namespace: stage.namespace,
    name,
    volumes: { tls: certificateVolume(stage.issuer.ref, attributes) },
    spec: { serviceAccountName }
  })

const requestsOf = async (pod: NodePod): Promise<ReadonlyArray<KubeObject>> =>
  (await cluster.requests(stage.namespace)).filter(
    (request) => at(request, "metadata", "ownerReferences", 0, "uid") === pod.uid
  )

describe("with token requests", { timeout: 120_000 }, () => {
  it("the kubelet is told to hand the tokens over as secrets of its call, and nowhere else", async () => {
    const driver = { apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", name: "csi.cert-manager.io" }
    const stored = await cluster.plane.api.get(driver)
    expect(at(stored, "spec", "serviceAccountTokenInSecrets")).toBe(true)
  })

  it("nobody but a pod asks for it", async () => {
    expect(await refusal()).toContain("a pod asks for itself alone")
  })

  it("a pod's request is its own ServiceAccount's, and so are its renewals, also by a certlet that was killed", async () => {
    const pod = await (await run("web", "web", { duration: "90s", "renew-before": "75s" })).running()
    const first = serialOf(await judge(await pod.path("/tls"), stage.issuer.caFile))
    const users = async () => (await requestsOf(pod)).map((request) => textAt(request, "spec", "username"))
    expect(await users()).toEqual(["system:serviceaccount:tokens:web"])
    await certlet.kill()
    // Its memory of the token is gone; the kubelet brings another one with its next call.
    await certlet.until("the renewal", 60_000, async () =>
      serialOf(await readIssue(await pod.path("/tls"))) === first ? undefined : true
    )
    await judge(await pod.path("/tls"), stage.issuer.caFile)
    expect([...new Set(await users())]).toEqual(["system:serviceaccount:tokens:web"])
    await pod.delete()
  })

  it("a pod whose ServiceAccount may not ask hears so by name, and starts when it may", async () => {
    const pod = await run("poor", "default")
    await node.until("the pod's events to say so", 60_000, async () => {
      const events = await pod.events()
      const told = events.some((event) => event.includes('User "system:serviceaccount:tokens:default" cannot create'))
      if (told) return true
      throw new Error(events.join(" | "))
    })
    await letAsk("default")
    await pod.running()
    await judge(await pod.path("/tls"), stage.issuer.caFile)
    await pod.delete()
    // Tokens are JSON Web Tokens, which begin like this.
    expect(certlet.log()).not.toContain("eyJ")
  })
})
