// What a test of certlet starts with: a control plane of its own, certlet's ServiceAccount with exactly the rights of
// `k8s/certlet.yaml`, and certlets that run with that account's token. Everything that a test makes through it is ended
// and removed by `stop`, also after a failure. A file of tests shares one cluster; each test works in a namespace of
// its own.

import { bundle } from "../kit/bundle.ts"
import { until } from "../kit/until.ts"
import { buildTools } from "./build.ts"
import { Certlet, type CertletOptions } from "./Certlet.ts"
import { ControlPlane, type ControlPlaneOptions } from "./ControlPlane.ts"
import type { CaIssuer } from "./issuers.ts"
import { applyShipped } from "./manifests.ts"
import { at, type KubeObject, listAt } from "./objects.ts"
import { makePodVolume, type PodVolume, type PodVolumeOptions } from "./PodVolume.ts"
import type { TokenAccess } from "./serviceAccountToken.ts"
import { WorkerNode, type WorkerNodeOptions } from "./WorkerNode.ts"

/** Only the first run on a machine needs it: it builds a kube-apiserver. */
export const clusterLimitMilliseconds = 80 * 60_000

/** The ServiceAccount of `k8s/certlet.yaml`. */
export const account = { namespace: "cert-manager", serviceAccount: "certlet" } as const

/** The annotation with the full id of the volume that a request was made for. */
const volumeAnnotation = "csi.cert-manager.io/volume-id"

export interface Stage {
  readonly namespace: string
  readonly issuer: CaIssuer
  /** A volume of a new pod in this namespace, with a certificate of this issuer. */
  readonly volume: (certlet: Certlet, pod: string, options?: Partial<PodVolumeOptions>) => Promise<PodVolume>
}

export class RealCluster {
  readonly plane: ControlPlane
  readonly access: TokenAccess
  readonly program: string
  readonly #certlets: Array<Certlet> = []
  readonly #nodes: Array<WorkerNode> = []

  static async start(options: ControlPlaneOptions = {}): Promise<RealCluster> {
    await buildTools()
    const program = await bundle()
    const plane = await ControlPlane.start(options)
    try {
      await applyShipped(plane.api)
      const access = await plane.tokenKubeconfig(account)
      const cluster = new RealCluster(plane, access, program)
      await cluster.waitForRight(account.serviceAccount, "create", true)
      return cluster
    } catch (error) {
      await plane.stop()
      throw error
    }
  }

  private constructor(plane: ControlPlane, access: TokenAccess, program: string) {
    this.plane = plane
    this.access = access
    this.program = program
  }

  /** Rules reach the API server's authorizer a moment after they were written: resolves when they have. */
  async waitForRight(serviceAccount: string, verb: string, allowed: boolean): Promise<void> {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: `system:serviceaccount:${account.namespace}:${serviceAccount}`,
        groups: ["system:serviceaccounts", "system:authenticated"],
        resourceAttributes: { group: "cert-manager.io", resource: "certificaterequests", verb, namespace: "default" }
      }
    }
    await until(`${serviceAccount}: ${verb} is ${allowed}`, { deadlineMilliseconds: 20_000 }, async () => {
      const answer = await this.plane.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        body: review
      })
      return at(answer, "status", "allowed") === allowed ? true : undefined
    })
  }

  /** A running certlet with the rights of `k8s/certlet.yaml`, unless the options say otherwise. */
  async certlet(options: Partial<CertletOptions> = {}): Promise<Certlet> {
    const { program, access } = this
    const certlet = await Certlet.start({ program, kubeconfig: access.clientNodeKubeconfig, ...options })
    this.#certlets.push(certlet)
    return certlet
  }

  /**
   * A running certlet with an account of its own that has every right of the installed role but one: a verb on a
   * resource. Rejects where the role does not hold that right.
   */
  async certletWithout(verb: string, resource: string, flags: ReadonlyArray<string> = []): Promise<Certlet> {
    const { namespace, serviceAccount } = account
    const { api } = this.plane
    const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" } as const
    const name = `certlet-without-${verb}-${resource}`
    const installed = listAt(await api.get({ ...role, name: serviceAccount }), "rules")
    const [own, others] = [
      installed.filter((rule) => listAt(rule, "resources").includes(resource)),
      installed.filter((rule) => !listAt(rule, "resources").includes(resource))
    ]
    const rules = own.map((rule) => ({ ...Object(rule), verbs: listAt(rule, "verbs").filter((one) => one !== verb) }))
    if (!own.some((rule) => listAt(rule, "verbs").includes(verb))) {
      throw new Error(`the role ${serviceAccount} has no right to ${verb} ${resource}`)
    }
    await this.plane.createServiceAccount(namespace, name)
    await api.apply({ ...role, metadata: { name }, rules: [...others, ...rules] })
    await api.apply({
      apiVersion: role.apiVersion,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: role.kind, name },
      subjects: [{ kind: "ServiceAccount", name, namespace }]
    })
    await this.waitForRight(name, verb === "list" ? "watch" : "list", true)
    const { clientNodeKubeconfig } = await this.plane.tokenKubeconfig({ namespace, serviceAccount: name })
    return this.certlet({ kubeconfig: clientNodeKubeconfig, nodeId: name, flags })
  }

  /** A real node with the shipped CSIDriver object; certlet is not on it yet. */
  async node(options: WorkerNodeOptions = {}): Promise<WorkerNode> {
    const node = await WorkerNode.start(this.plane, options)
    this.#nodes.push(node)
    return node
  }

  /** A namespace with a CA issuer; one called "manual" signs only what a test approves. */
  async stage(namespace: string, issuerName = "ca"): Promise<Stage> {
    await this.plane.createNamespace(namespace)
    const issuer = await this.plane.createCaIssuer({ namespace, name: issuerName })
    const volume: Stage["volume"] = (certlet, pod, options = {}) =>
      makePodVolume(this.plane, certlet.podsFolder, { namespace, pod, issuer: issuer.ref, ...options })
    return { namespace, issuer, volume }
  }

  /** The CertificateRequests of a volume; of all volumes in the namespace without one. */
  async requests(namespace: string, volume?: PodVolume): Promise<ReadonlyArray<KubeObject>> {
    const listed = await this.plane.api.list({
      apiVersion: "cert-manager.io/v1",
      kind: "CertificateRequest",
      namespace
    })
    return listed.filter((one) => volume === undefined || volumeOf(one) === volume.id)
  }

  /** The name of the volume's only request, as soon as there is one. */
  async requestName(certlet: Certlet, volume: PodVolume): Promise<string> {
    return certlet.until(`a request of ${volume.pod}`, 20_000, async () => {
      const [request] = await this.requests(volume.namespace, volume)
      return request?.metadata.name
    })
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    for (const node of this.#nodes) await node.stop()
    for (const certlet of this.#certlets) await certlet.destroy()
    await this.plane.stop()
  }
}

/** The id of the volume that a request was made for. */
export const volumeOf = (request: KubeObject): string | undefined => request.metadata.annotations?.[volumeAnnotation]
