// A real Kubernetes control plane for tests: etcd, kube-apiserver and cert-manager's controllers, in a fresh folder and
// on free loopback ports, ready a few seconds after `start` once build.ts has built them. It can be hurt on purpose:
// the API server stopped, frozen and brought back with its data, etcd killed, the controllers paused or restarted,
// approvals withheld. There is no kubelet, no scheduler and no controller manager: nothing is garbage-collected, pods
// are mere objects, and the `default` ServiceAccount of a namespace is made by `createNamespace`. cert-manager's
// admission webhook is not run either: requests are checked by the CRD's schema only, and nobody fills in their
// username. `stop` (and the end of the process, however it comes) ends every process; the folder goes with `stop` and
// with an orderly end, and otherwise with the next start of a control plane.
import { rmSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { basename, join } from "node:path"
import { buildTools, type Tools } from "./build.ts"
import { makeClientCertificate } from "./certificates.ts"
import {
  type CaIssuer,
  type CaIssuerOptions,
  createCaIssuer,
  createSelfSignedIssuer,
  type IssuerHost,
  type IssuerOptions,
  type IssuerRef
} from "./issuers.ts"
import { KubeApi } from "./KubeApi.ts"
import { writeKubeconfig } from "./kubeconfig.ts"
import { certManagerUser, type Layout, prepareLayout, serverUrl } from "./layout.ts"
import { conditionOf, type KubeObject, listAt, type Reference } from "./objects.ts"
import { ownFolder } from "./ownFolder.ts"
import { describePrograms, type Programs } from "./programs.ts"
import { judgeRequest } from "./requests.ts"
import { grantToken, type TokenAccess, type TokenOptions } from "./serviceAccountToken.ts"
import { type Usage, usageOf } from "./usageOf.ts"

export interface ControlPlaneOptions {
  /** What to run; built (or found in the cache) by default. */
  readonly tools?: Tools
  /** Whether cert-manager's approver runs at all; true by default. */
  readonly approver?: boolean
  /** Names of issuers whose requests the approver leaves alone; ["manual"] by default. */
  readonly manualIssuers?: ReadonlyArray<string>
}

export interface PodOptions {
  /** The pod is bound to it at once, as there is no scheduler; "test-node" by default, which need not exist. */
  readonly nodeName?: string
  readonly serviceAccount?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Merged over the spec: volumes, containers ... */
  readonly spec?: Readonly<Record<string, unknown>>
}

export class ControlPlane {
  /** The folder with everything: etcd's data, `pki`, `logs`, kubeconfigs. */
  readonly dir: string
  readonly tools: Tools
  readonly serverUrl: string
  /** Of a member of system:masters, who may do anything and is exempt from priority and fairness. */
  readonly adminKubeconfig: string
  /** The authority that signed the API server's certificate (PEM). */
  readonly caFile: string
  /** The administrator's hand in the cluster: apply, get, list, patch, delete objects of any kind. */
  readonly api: KubeApi
  readonly clusterResourceNamespace = "cert-manager"
  readonly #layout: Layout
  readonly #programs: Programs
  readonly #removeFolder: () => void

  /** Resolves when the API server serves cert-manager's kinds and the controllers follow them. */
  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const tools = options.tools ?? (await buildTools())
    const dir = await ownFolder("certlet-control-plane-")
    let plane: ControlPlane | undefined
    try {
      plane = new ControlPlane(await prepareLayout(dir), tools, options)
      await plane.#bootstrap()
      return plane
    } catch (error) {
      await plane?.stop()
      await rm(dir, { recursive: true, force: true })
      throw error
    }
  }

  private constructor(layout: Layout, tools: Tools, options: ControlPlaneOptions) {
    this.#layout = layout
    this.dir = layout.dir
    this.tools = tools
    this.serverUrl = serverUrl(layout)
    this.caFile = layout.authority.certFile
    this.api = new KubeApi({ serverUrl: this.serverUrl, caFile: this.caFile, client: layout.admin })
    this.adminKubeconfig = join(layout.dir, "admin.kubeconfig")
    this.#programs = describePrograms(layout, tools, this.api, [
      `--kubeconfig=${this.#certManagerKubeconfig}`,
      `--cluster-resource-namespace=${this.clusterResourceNamespace}`,
      `--approver=${options.approver ?? true}`,
      `--manual-issuers=${(options.manualIssuers ?? ["manual"]).join(",")}`
    ])
    this.#removeFolder = () => rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 })
    // Registered after the Daemon module's own handler, so the programs are already dead when it runs.
    process.on("exit", this.#removeFolder)
  }

  async #bootstrap(): Promise<void> {
    await writeKubeconfig(this.adminKubeconfig, this, this.#layout.admin)
    await writeKubeconfig(this.#certManagerKubeconfig, this, this.#layout.certManager)
    await this.#programs.etcd.start()
    await this.startApiServer()
    await this.createNamespace("default")
    await this.createNamespace(this.clusterResourceNamespace)
    await this.installCrds(this.tools.crds)
    await this.api.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "cert-manager-test" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: certManagerUser }]
    })
    await this.startCertManager()
  }

  get #certManagerKubeconfig(): string {
    return join(this.dir, "cert-manager.kubeconfig")
  }

  /** Makes the API server know the kinds of a folder of YAML files. */
  async installCrds(folder: string): Promise<void> {
    const files = await readdir(folder)
    await Promise.all(files.map((file) => this.#installCrd(join(folder, file))))
  }

  /** cert-manager, as others, names the file `<group>_<plural>.yaml` and the object `<plural>.<group>`. */
  async #installCrd(file: string): Promise<void> {
    const [group, plural] = basename(file, ".yaml").split("_")
    const name = `${plural}.${group}`
    await this.api.request("PATCH", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`, {
      query: { fieldManager: "certlet-test", force: "true" },
      body: await readFile(file, "utf8"),
      contentType: "application/apply-patch+yaml"
    })
    const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", name }
    await this.waitFor(crd, "is established", (seen) => conditionOf(seen, "Established")?.status === "True")
  }

  /** Starts the API server on the port and with the data it had before; resolves when it is ready. */
  async startApiServer(): Promise<void> {
    this.api.disconnect()
    await this.#programs.apiServer.start()
  }

  /** Ends the API server, with "SIGKILL" abruptly; resolves when it is gone. */
  async stopApiServer(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#programs.apiServer.stop(signal)
    this.api.disconnect()
  }

  /** Freezes the API server: connections stay open (and are still accepted), but nothing is answered. */
  pauseApiServer(): void {
    this.#programs.apiServer.pause()
  }

  resumeApiServer(): void {
    this.#programs.apiServer.resume()
  }

  /** Ends etcd abruptly and starts it with its data; resolves when it is healthy. The API server is left alone. */
  async restartEtcd(): Promise<void> {
    await this.#programs.etcd.stop("SIGKILL")
    await this.#programs.etcd.start()
  }

  /** Starts cert-manager's controllers, which `start` has already done; resolves when their caches are filled. */
  startCertManager(): Promise<void> {
    return this.#programs.certManager.start()
  }

  /** Ends the controllers: nothing is approved or signed until `startCertManager`. */
  stopCertManager(): Promise<void> {
    return this.#programs.certManager.stop()
  }

  async restartCertManager(): Promise<void> {
    await this.stopCertManager()
    await this.startCertManager()
  }

  /** Freezes the controllers: an approver and a signer that take their time. */
  pauseCertManager(): void {
    this.#programs.certManager.pause()
  }

  resumeCertManager(): void {
    this.#programs.certManager.resume()
  }

  /** Makes a namespace and, as no controller manager does, its `default` ServiceAccount; both may exist. */
  async createNamespace(name: string): Promise<void> {
    await this.api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } })
    await this.createServiceAccount(name, "default")
  }

  async createServiceAccount(namespace: string, name: string): Promise<void> {
    await this.api.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } })
  }

  /** Makes a pod object that no kubelet runs, and resolves with its uid, for owner references. */
  async createPod(namespace: string, name: string, options: PodOptions = {}): Promise<string> {
    const pod = await this.api.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name, labels: options.labels ?? {} },
      spec: {
        nodeName: options.nodeName ?? "test-node",
        serviceAccountName: options.serviceAccount ?? "default",
        automountServiceAccountToken: false,
        containers: [{ name: "main", image: "none" }],
        ...options.spec
      }
    })
    if (pod.metadata.uid === undefined) throw new Error(`the pod ${namespace}/${name} has no uid`)
    return pod.metadata.uid
  }

  /** Deletes a pod at once, as if its kubelet had confirmed; false if there was none. */
  deletePod(namespace: string, name: string): Promise<boolean> {
    return this.api.delete({ apiVersion: "v1", kind: "Pod", namespace, name }, { gracePeriodSeconds: 0 })
  }

  /** Polls an object until it satisfies the predicate, and resolves with it; errors carry cert-manager's log. */
  waitFor(
    reference: Reference,
    what: string,
    predicate: (object: KubeObject) => boolean,
    deadlineMilliseconds = 30_000
  ): Promise<KubeObject> {
    const { kind, name } = reference
    const { certManager, apiServer } = this.#programs
    const watched = certManager.running ? certManager : apiServer
    return watched.until(`${kind} ${name}: ${what}`, deadlineMilliseconds, async () => {
      const seen = await this.api.get(reference)
      if (seen !== undefined && predicate(seen)) return seen
      const conditions = JSON.stringify(listAt(seen, "status", "conditions"))
      throw new Error(seen === undefined ? "it does not exist" : `its conditions are ${conditions}`)
    })
  }

  /** A CA issuer with an authority of its own: an Issuer in `namespace`, or a ClusterIssuer without one. */
  createCaIssuer(options: CaIssuerOptions): Promise<CaIssuer> {
    return createCaIssuer(this.#issuerHost, options)
  }

  createSelfSignedIssuer(options: IssuerOptions): Promise<IssuerRef> {
    return createSelfSignedIssuer(this.#issuerHost, options)
  }

  get #issuerHost(): IssuerHost {
    const { api, dir, clusterResourceNamespace } = this
    return { api, dir, clusterResourceNamespace, certManager: this.#programs.certManager }
  }

  /** What the API server, etcd and cert-manager's controllers have taken of the machine since their starts. */
  async usage(): Promise<Readonly<Record<keyof Programs, Usage>>> {
    const { apiServer, certManager, etcd } = this.#programs
    return {
      apiServer: await usageOf(apiServer.pid),
      certManager: await usageOf(certManager.pid),
      etcd: await usageOf(etcd.pid)
    }
  }

  async approve(namespace: string, name: string): Promise<void> {
    const verdict = { type: "Approved", reason: "certlet.test", message: "approved by a test" } as const
    await judgeRequest(this.api, namespace, name, verdict)
  }

  async deny(namespace: string, name: string, reason: string, message: string): Promise<void> {
    await judgeRequest(this.api, namespace, name, { type: "Denied", reason, message })
  }

  /** Access with a ServiceAccount's token: exactly the rights that RBAC objects give it. The account must exist. */
  tokenKubeconfig(options: TokenOptions): Promise<TokenAccess> {
    return grantToken(this.api, this, options)
  }

  /** The path of a kubeconfig for a user in some groups, with a client certificate of the cluster's authority. */
  async clientCertificateKubeconfig(user: string, groups: ReadonlyArray<string>): Promise<string> {
    const folder = await mkdtemp(join(this.dir, "client-"))
    const { authority } = this.#layout
    const client = await makeClientCertificate(folder, "client", { authority, user, groups })
    return writeKubeconfig(join(folder, "kubeconfig"), this, client)
  }

  /** Ends every process and removes the folder. May be called again. */
  async stop(): Promise<void> {
    this.api.disconnect()
    // The data is thrown away, so nobody is asked to end in good order.
    const { certManager, apiServer, etcd } = this.#programs
    await Promise.all([certManager, apiServer, etcd].map((program) => program.stop("SIGKILL")))
    process.off("exit", this.#removeFolder)
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 })
  }
}
