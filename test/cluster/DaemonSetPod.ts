// certlet on a real node as users run it: a pod made from the template of the DaemonSet that `k8s/certlet.yaml` has put
// into the API server, with its security settings, probes, mounts and flags as they stand there. There is no DaemonSet
// controller, so `start` and `replace` do what it does: bind a pod to the node, and for an update end the old pod
// before the new one comes. The image is whatever is loaded on the node under the manifest's name.
import { readdirSync, readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { NodePod } from "./NodePod.ts"
import { podNetwork } from "./nodeConfiguration.ts"
import { at, type KubeObject, listAt, textAt } from "./objects.ts"
import type { WorkerNode } from "./WorkerNode.ts"

export interface DaemonSetPodOptions {
  /** Flags as `--name=value`, added to those of the manifest or replacing the one with this name. */
  readonly flags?: ReadonlyArray<string>
  /**
   * The pod uses the machine's own network: the networks of two nodes' pods would have the same addresses.
   */
  readonly hostNetwork?: boolean
}

const startLimitMilliseconds = 90_000
const namespace = "cert-manager"
const daemonSet = { apiVersion: "apps/v1", kind: "DaemonSet", namespace, name: "certlet" } as const

let count = 0

export class DaemonSetPod {
  readonly #node: WorkerNode
  readonly #options: DaemonSetPodOptions
  #pod: NodePod | undefined

  /**
   * Starts certlet on a node; resolves when it is ready, by its own readiness probe, and the kubelet has registered it.
   */
  static async start(node: WorkerNode, options: DaemonSetPodOptions = {}): Promise<DaemonSetPod> {
    await node.plane.api.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      // What the controller manager writes into every namespace, for the volumes with ServiceAccounts' tokens.
      metadata: { namespace, name: "kube-root-ca.crt" },
      data: { "ca.crt": await readFile(node.plane.caFile, "utf8") }
    })
    const certlet = new DaemonSetPod(node, options)
    await certlet.create()
    return certlet
  }

  private constructor(node: WorkerNode, options: DaemonSetPodOptions) {
    this.#node = node
    this.#options = options
  }

  /** The pod that certlet runs in now. */
  get pod(): NodePod {
    if (this.#pod === undefined) throw new Error("certlet has no pod")
    return this.#pod
  }

  /** Puts certlet on the node, as when the DaemonSet is made; `start` has done it, until `remove`. */
  async create(): Promise<void> {
    const set = await this.#node.plane.api.get(daemonSet)
    if (set === undefined) throw new Error("the DaemonSet of k8s/certlet.yaml has not been applied")
    this.#pod = await NodePod.bind(this.#node, podOf(set, this.#node, this.#options))
    await this.ready()
  }

  /** Resolves when the kubelet calls the pod ready, and none of its containers has ended since it was asked. */
  async ready(): Promise<void> {
    await this.until("certlet to be ready", startLimitMilliseconds, async () => {
      const seen = await this.pod.object()
      const ready = listAt(seen, "status", "conditions").find((one) => textAt(one, "type") === "Ready")
      if (textAt(ready, "status") === "True") return true
      throw new Error(`its events: ${(await this.pod.events()).join(" | ")}; ${JSON.stringify(at(seen, "status"))}`)
    })
  }

  /** What the container that runs has written. */
  log(): string {
    const folder = this.#node.machine.path(`/var/log/pods/${namespace}_${this.pod.name}_${this.pod.uid}/certlet`)
    const last = readdirSync(folder).sort((one, other) => Number.parseInt(other, 10) - Number.parseInt(one, 10))[0]
    return last === undefined ? "" : readFileSync(`${folder}/${last}`, "utf8")
  }

  /** What it serves at one of its ports, as the node reaches it; rejects unless the answer is 200. */
  async get(port: "health" | "metrics", path: string): Promise<string> {
    const seen = await this.pod.object()
    const ports = listAt(seen, "spec", "containers", 0, "ports")
    const number = at(
      ports.find((one) => textAt(one, "name") === port),
      "containerPort"
    )
    const url = `http://${textAt(seen, "status", "podIP")}:${number}${path}`
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}: ${text}`)
    return text
  }

  /** As an update does it: the old pod ends in its own time, then a new one is made of the DaemonSet as it is now. */
  async replace(): Promise<void> {
    await this.remove()
    await this.create()
  }

  /** Kills the container's process with SIGKILL; resolves when the kubelet has started it again and it is ready. */
  async kill(): Promise<void> {
    const before = await this.pod.containerId("certlet")
    process.kill(await this.pod.pid("certlet"), "SIGKILL")
    await this.pod.startedAnew(before, "certlet")
    await this.ready()
  }

  /** Takes certlet off the node, as when the DaemonSet is deleted. */
  async remove(): Promise<void> {
    await this.pod.delete()
    this.#pod = undefined
  }

  /** Polls; errors carry the end of certlet's log. */
  async until<Found>(
    what: string,
    deadlineMilliseconds: number,
    probe: () => Promise<Found | undefined>
  ): Promise<Found> {
    try {
      return await this.#node.until(what, deadlineMilliseconds, probe)
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      throw new Error(`${words}\n--- certlet's log:\n${this.#tail()}`, { cause: error })
    }
  }

  #tail(): string {
    try {
      return this.log().split("\n").slice(-25).join("\n")
    } catch {
      return "(it has written nothing)"
    }
  }
}

const flagName = (argument: unknown): string | undefined => String(argument).split("=")[0]

/**
 * A pod of the DaemonSet on a node: its template, and what else a cluster's DaemonSet controller and service proxy do
 * for it.
 */
const podOf = (set: KubeObject, node: WorkerNode, { flags = [], hostNetwork = false }: DaemonSetPodOptions) => {
  const template = at(set, "spec", "template")
  const named = new Set(flags.map(flagName))
  const [first, ...others] = listAt(template, "spec", "containers")
  const door = [
    { name: "KUBERNETES_SERVICE_HOST", value: podNetwork.gateway },
    { name: "KUBERNETES_SERVICE_PORT", value: `${node.doorPort}` }
  ]
  const container = {
    ...Object(first),
    args: [...listAt(first, "args").filter((one) => !named.has(flagName(one))), ...flags],
    env: [...listAt(first, "env"), ...door]
  }
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...Object(at(template, "metadata")), namespace, name: `certlet-${++count}` },
    spec: { ...Object(at(template, "spec")), nodeName: node.name, hostNetwork, containers: [container, ...others] }
  }
}
