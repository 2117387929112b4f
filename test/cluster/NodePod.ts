// A real pod on a real node, and what a test does with it: wait until it runs, look into its containers, run a program
// in them, read its events, delete it and see it go. Files are read through /proc/PID/root of the container's first
// process: exactly what the container sees, and without a program in the container. Pods end at once when they are told
// to.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import type { IssuerRef } from "./issuers.ts"
import { busyboxImage, kubeletRoot } from "./nodeConfiguration.ts"
import { type KubeObject, listAt, type Manifest, textAt } from "./objects.ts"
import type { WorkerNode } from "./WorkerNode.ts"

/** A pod as a test describes it; what it leaves out is filled in. */
export interface PodManifest {
  readonly namespace: string
  readonly name: string
  /**
   * Volumes by name, as in a pod's spec; each is mounted at `/<name>` in every container that does not say otherwise.
   */
  readonly volumes?: Readonly<Record<string, unknown>>
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Merged over the spec. */
  readonly spec?: Readonly<Record<string, unknown>>
}

const startLimitMilliseconds = 90_000

// The first process of a container gets no signal that it does not ask for.
const patient = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]

/** A container that waits for its end, with the pod's volumes at `/<name>`. */
export const container = (name: string, volumes: Iterable<string>, more: Readonly<Record<string, unknown>> = {}) => ({
  name,
  image: busyboxImage,
  imagePullPolicy: "Never",
  command: patient,
  volumeMounts: [...volumes].map((volume) => ({ name: volume, mountPath: `/${volume}`, readOnly: true })),
  ...more
})

/** An inline volume with a certificate; attributes without their prefix. */
export const certificateVolume = (
  issuer: IssuerRef,
  attributes: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, unknown>> = {}
) => {
  const prefix = "csi.cert-manager.io"
  const wanted = {
    "issuer-name": issuer.name,
    "issuer-kind": issuer.kind,
    "issuer-group": issuer.group,
    "key-algorithm": "ECDSA",
    "dns-names": "$" + "{POD_NAME}.example.com",
    ...attributes
  }
  const volumeAttributes = Object.fromEntries(Object.entries(wanted).map(([key, value]) => [`${prefix}/${key}`, value]))
  return { csi: { driver: prefix, readOnly: true, volumeAttributes, ...more } }
}

export class NodePod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly #node: WorkerNode

  /** Creates the pod, bound to the node. */
  static async create(node: WorkerNode, pod: PodManifest): Promise<NodePod> {
    const { namespace, name, volumes = {}, labels = {}, annotations = {} } = pod
    return NodePod.bind(node, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name, labels, annotations },
      spec: {
        nodeName: node.name,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        containers: [container("main", Object.keys(volumes))],
        volumes: Object.entries(volumes).map(([volume, source]) => ({ name: volume, ...Object(source) })),
        ...pod.spec
      }
    })
  }

  /** Creates a pod from a whole manifest, which binds it to the node itself. */
  static async bind(node: WorkerNode, manifest: Manifest): Promise<NodePod> {
    const { metadata } = await node.plane.api.create(manifest)
    return new NodePod(node, metadata.namespace ?? "", metadata.name, metadata.uid ?? "")
  }

  private constructor(node: WorkerNode, namespace: string, name: string, uid: string) {
    this.#node = node
    this.namespace = namespace
    this.name = name
    this.uid = uid
  }

  get #reference() {
    return { apiVersion: "v1", kind: "Pod", namespace: this.namespace, name: this.name } as const
  }

  /** The pod as the API server has it; undefined once it is gone (or another one has its name). */
  async object(): Promise<KubeObject | undefined> {
    const seen = await this.#node.plane.api.get(this.#reference)
    return seen?.metadata.uid === this.uid ? seen : undefined
  }

  /** Resolves when every container runs. */
  async running(deadlineMilliseconds = startLimitMilliseconds): Promise<this> {
    await this.#node.until(`pod ${this.namespace}/${this.name} to run`, deadlineMilliseconds, async () => {
      const seen = await this.object()
      const statuses = listAt(seen, "status", "containerStatuses")
      const running = statuses.filter((one) => textAt(one, "state", "running", "startedAt") !== undefined)
      if (statuses.length > 0 && running.length === listAt(seen, "spec", "containers").length) return true
      throw new Error(`it is ${JSON.stringify(seen?.status)}; its events: ${(await this.events()).join(" | ")}`)
    })
    return this
  }

  /** Resolves when another container than the one with this id runs: the kubelet has started it again. */
  async startedAnew(before: string, containerName = "main"): Promise<void> {
    await this.#node.until(`pod ${this.namespace}/${this.name} to start again`, startLimitMilliseconds, async () => {
      const statuses = listAt(await this.object(), "status", "containerStatuses")
      const status = statuses.find((one) => textAt(one, "name") === containerName)
      const isNew = textAt(status, "containerID") !== `containerd://${before}`
      if (isNew && textAt(status, "state", "running", "startedAt") !== undefined) return true
      throw new Error(`it is ${JSON.stringify(status)}; its events: ${(await this.events()).join(" | ")}`)
    })
  }

  /** The messages of the pod's events. */
  async events(): Promise<ReadonlyArray<string>> {
    const events = await this.#node.plane.api.list({ apiVersion: "v1", kind: "Event", namespace: this.namespace })
    return events
      .filter((event) => textAt(event, "involvedObject", "uid") === this.uid)
      .map((event) => `${textAt(event, "reason")}: ${textAt(event, "message")}`)
  }

  /** containerd's id of a container that runs (or has run). */
  async containerId(name = "main"): Promise<string> {
    const seen = await this.object()
    const statuses = [
      ...listAt(seen, "status", "containerStatuses"),
      ...listAt(seen, "status", "initContainerStatuses")
    ]
    const id = textAt(
      statuses.find((one) => textAt(one, "name") === name),
      "containerID"
    )
    if (!id) throw new Error(`pod ${this.name} has no container ${name}`)
    return id.replace("containerd://", "")
  }

  /** The first process of a container, as this machine counts. */
  async pid(name = "main"): Promise<number> {
    const found = firstProcess(await this.containerId(name))
    if (found === undefined) throw new Error(`no process of the container ${name} of pod ${this.name} is to be found`)
    return Number(found)
  }

  /** True while a container that has been started runs, whatever the kubelet knows of it. */
  async lives(name = "main"): Promise<boolean> {
    return firstProcess(await this.containerId(name)) !== undefined
  }

  /** A path in a container, as this machine reaches it. Good for relative links, which are all that a volume has. */
  async path(inside: string, containerName = "main"): Promise<string> {
    return join(`/proc/${await this.pid(containerName)}/root`, inside)
  }

  /** What a container reads in a file. */
  async read(inside: string, containerName = "main"): Promise<string> {
    return readFile(await this.path(inside, containerName), "utf8")
  }

  /** Runs a program in a container, with the container's own user and rights; resolves with what it prints. */
  async exec(command: ReadonlyArray<string>, containerName = "main"): Promise<string> {
    const execId = `test-${process.hrtime.bigint()}`
    return this.#node.ctr("tasks", "exec", "--exec-id", execId, await this.containerId(containerName), ...command)
  }

  /** Asks for the pod's deletion and waits until the kubelet has confirmed it; without a grace, the pod's own. */
  async delete(gracePeriodSeconds?: number): Promise<void> {
    await this.#node.plane.api.delete(this.#reference, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds })
    await this.gone()
  }

  /** Resolves when the API server no longer knows the pod and the kubelet has taken its folder away. */
  async gone(): Promise<void> {
    const folder = `${kubeletRoot}/pods/${this.uid}`
    await this.#node.until(`pod ${this.namespace}/${this.name} to go`, startLimitMilliseconds, async () => {
      if ((await this.object()) !== undefined) throw new Error("the API server still has it")
      if (existsSync(this.#node.machine.path(folder))) throw new Error(`${folder} is still there`)
      return true
    })
  }
}

const firstProcess = (containerId: string): string | undefined =>
  readdirSync("/proc").find((entry) => /^\d+$/.test(entry) && isFirstOf(entry, containerId))

/** True where a process is a container's first: of its cgroup, and the first in its own namespace of processes. */
const isFirstOf = (pid: string, containerId: string): boolean => {
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(containerId)) return false
    return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    // It has ended meanwhile.
    return false
  }
}
